"""The command line that a measurement gives to Locust, and its failures before Locust runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from load_tests.measure import Load, _command, measure
from load_tests.target.target import Target
from metrics_core.errors import LabError
from tests.unit.load_tests.generator.fake_lead import a_target


def value_of(command: list[str], name: str) -> str:
    assert command.count(name) == 1, name
    return command[command.index(name) + 1]


def command_of(load: Load, **target: Any) -> list[str]:
    return _command(a_target(**target), load, Path("/runs/one"), "/target.json", 9)


def test_every_part_of_the_load_is_on_the_command_line() -> None:
    load = Load(
        rate_per_s=0.1,
        batch=7,
        producers=3,
        shape="ramp",
        schedule="constant",
        duration_s=2.5,
        warmup_s=0.0,
        seed=42,
    )
    command = command_of(load)
    expected = {
        "--rate": "0.1",
        "--batch": "7",
        "-u": "3",
        "-r": "3",
        "--shape": "ramp",
        "--schedule": "constant",
        "--duration": "2.5",
        "--warmup": "0.0",
        "--seed": "42",
        "--target": "/target.json",
        "--run-folder": "/runs/one",
        "--tell": "9",
        "--json-file": "/runs/one/locust",
    }
    assert {name: value_of(command, name) for name in expected} == expected
    assert "--headless" in command
    assert "--processes" not in command


@pytest.mark.parametrize("protocol", ["http1", "http2", "websocket"])
def test_the_file_is_that_of_the_protocol_and_exists(protocol: str) -> None:
    file = Path(value_of(command_of(Load(), protocol=protocol), "-f"))
    assert file.is_file()
    assert f'install("{protocol}")' in file.read_text()


def test_several_generators_meet_on_a_port_of_their_own_on_this_machine() -> None:
    command = command_of(Load(generators=3))
    assert value_of(command, "--processes") == "3"
    assert value_of(command, "--master-port") == value_of(command, "--master-bind-port")
    assert value_of(command, "--master-host") == value_of(command, "--master-bind-host") == "127.0.0.1"
    assert float(value_of(command, "--expect-workers-max-wait")) > 0


def test_a_folder_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    target: Target = a_target()
    with pytest.raises(LabError, match="cannot keep a run there"):
        measure(target, Load(), tmp_path / "not made", lambda said: None)

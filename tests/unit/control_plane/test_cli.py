from __future__ import annotations

import tempfile
from pathlib import Path

import click
import pytest

from control_plane import settings as settings_module
from control_plane.cli import LAZY, cli, main
from control_plane.options import UP_FLAGS, given
from control_plane.settings import OWN_VARIABLES, command_environ
from lab_runtime.env import VARIABLES

COMMANDS = ("up", "down", "doctor", "ledger", "test", "check", "serve")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings_module, "ROOT", tmp_path)
    for name in [*VARIABLES, *OWN_VARIABLES]:
        monkeypatch.delenv(name, raising=False)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What an error said: one line on stderr, nothing on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return err.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_names_every_flag(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for param in cli.commands[command].params:
        if isinstance(param, click.Option):
            assert all(flag in shown for flag in param.opts)
            assert param.help


def test_help_of_up_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    main(["up", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for flag in UP_FLAGS:
        variable = (VARIABLES | OWN_VARIABLES)[flag.variable]
        assert f"[{flag.variable}; {variable.default or 'none'}]" in shown


@pytest.mark.parametrize("command", list(LAZY))
def test_a_lazy_command_is_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"{command} [OPTIONS]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["upp"], "no such command: upp; did you mean up?"),
        (["docter"], "no such command: docter; did you mean doctor?"),
        (["zzzzzz"], "no such command: zzzzzz (see"),
        (["up", "--server", "5"], "no such flag: --server; did you mean --servers?"),
        (["up", "--no-opn"], "no such flag: --no-opn; did you mean --no-open?"),
        (["up", "--servers", "many"], "'--servers': expected a number"),
        (["up", "--servers", "10001"], "'--servers': expected 0 to 10000"),
        (["up", "--workers", "1.5"], "'--workers': expected a whole number"),
        (["up", "--fsync", "often"], "'--fsync': expected one of always, everysec, no"),
        (["up", "--for", "0"], "'--for'"),
        (["up", "--json", "x"], "give both"),
        (["up", "spare"], "spare"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert expected in told(capsys)


def test_a_wrong_variable_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_FSYNC", "often")
    assert main(["down"]) == 2
    assert told(capsys) == "lab: LAB_FSYNC=often: expected one of always, everysec, no"


def test_a_fault_of_ours_is_one_line_with_the_trace_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise KeyError("inner")

    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(cli.commands["doctor"], "callback", fail)
    assert main(["doctor"]) == 1
    assert "a fault of the lab itself: KeyError: 'inner'" in told(capsys)
    (trace,) = tmp_path.glob("lab-fault-*.txt")
    assert "Traceback" in trace.read_text()


def test_flags_win_over_the_environment_and_that_over_dotenv(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LAB_RATE=1\nLAB_SEED=1\nLAB_WORKERS=1\n")
    monkeypatch.setenv("LAB_RATE", "2")
    monkeypatch.setenv("LAB_SEED", "2")
    found = command_environ({"LAB_RATE": "3"})
    assert (found["LAB_RATE"], found["LAB_SEED"], found["LAB_WORKERS"]) == ("3", "2", "1")


def test_flags_become_variables() -> None:
    assert given({"LAB_REAL": True, "LAB_OPEN": False, "LAB_RATE": "2", "LAB_SEED": None, "for_s": 3.0}) == {
        "LAB_REAL": "on",
        "LAB_OPEN": "off",
        "LAB_RATE": "2",
    }


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, _ = capsys.readouterr()
    assert "up " in out
    assert "doctor" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert "metrics-ingestion-lab, version" in capsys.readouterr().out

"""Options of the locustfiles: defaults, bad values, and where the lab is found."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from load_tests.generator.options import DEFAULT_DURATION_S, add_options, plan_of, target_of
from load_tests.generator.shapes import SOAK_S
from metrics_core.errors import ConfigError, LabError
from tests.unit.load_tests.generator.fake_lead import a_target


class LocustParser(argparse.ArgumentParser):
    """Takes what Locust's own parser takes beside argparse's arguments."""

    def add_argument(self, *names: str, include_in_web_ui: bool = True, **options: Any) -> Any:
        return super().add_argument(*names, **options)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = LocustParser()
    add_options(parser)
    return parser.parse_args([*arguments], argparse.Namespace(host=None))


def test_defaults() -> None:
    plan = plan_of(parsed(), a_target(), 50)
    assert (plan.rate_per_s, plan.batch, plan.duration_s, plan.warmup_s) == (
        1000.0,
        1,
        DEFAULT_DURATION_S,
        2.0,
    )
    assert (plan.shape, plan.schedule, plan.producers, plan.generators, plan.seed) == (
        "steady",
        "poisson",
        50,
        1,
        1,
    )
    assert (plan.arm, plan.protocol, plan.store) == ("http1", "http1", "redis")


def test_a_soak_is_long_unless_told_otherwise() -> None:
    assert plan_of(parsed("--shape", "soak"), a_target(), 1).duration_s == SOAK_S
    assert plan_of(parsed("--shape", "soak", "--duration", "3"), a_target(), 1).duration_s == 3


def test_how_many_processes_have_users() -> None:
    assert plan_of(parsed(), a_target(), 1, 3).generators == 3


@pytest.mark.parametrize(
    "arguments, producers, words",
    [
        (("--rate", "0"), 1, "--rate 0: expected 0.1 to 1e"),
        (("--rate", "-5"), 1, "--rate -5"),
        (("--rate", "nan"), 1, "--rate nan"),
        (("--rate", "inf"), 1, "--rate inf"),
        (("--batch", "0"), 1, "--batch 0: expected 1 to 10000"),
        (("--batch", "10001"), 1, "--batch 10001"),
        (("--duration", "0.1"), 1, "--duration 0.1: expected 0.5"),
        (("--duration", "-1"), 1, "--duration -1"),
        (("--warmup", "-1"), 1, "--warmup -1: expected 0 to 600"),
        (("--seed", "-1"), 1, "--seed -1"),
        ((), 0, "--users 0: expected 1 to 5000"),
        ((), 5001, "--users 5001"),
    ],
)
def test_values_that_cannot_be(arguments: tuple[str, ...], producers: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_of(parsed(*arguments), a_target(), producers)


@pytest.fixture
def no_lab_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("LAB_PORT_BASE", "LAB_INGEST_URL", "LAB_FANOUT_URL", "LAB_PIPELINE_B_URL", "LAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_lab_on_this_machine(no_lab_settings: pytest.MonkeyPatch) -> None:
    no_lab_settings.setenv("LAB_PORT_BASE", "9000")
    no_lab_settings.setenv("LAB_TOKEN", "secret")
    a, b = target_of(parsed(), "http2"), target_of(parsed(), "websocket")
    assert (a.protocol, a.store, a.port, a.feed_url) == (
        "http2",
        "redis",
        9001,
        "ws://127.0.0.1:9002/v1/feed",
    )
    assert (b.protocol, b.store, b.port, b.feed_url) == (
        "websocket",
        "memory",
        9003,
        "ws://127.0.0.1:9003/v1/feed",
    )
    assert (a.http_url, b.http_url) == ("http://127.0.0.1:9001", "http://127.0.0.1:9003")
    assert a.token == b.token == "secret"
    assert (a.fsync, a.workers, a.processes, a.own_lab) == ("unknown", -1, {}, False)


def test_a_lab_elsewhere(no_lab_settings: pytest.MonkeyPatch) -> None:
    options = parsed()
    options.host = "http://[::1]:9501"
    target = target_of(options, "http1")
    assert (target.host, target.port, target.http_url) == ("::1", 9501, "http://[::1]:9501")


@pytest.mark.parametrize(
    "host", ["somewhere", "http://somewhere", "http://somewhere:99999", "http://[::1:9501"]
)
def test_a_host_that_is_none(no_lab_settings: pytest.MonkeyPatch, host: str) -> None:
    options = parsed()
    options.host = host
    with pytest.raises(ConfigError, match="expected something like http"):
        target_of(options, "http1")


def test_a_target_file_wins_and_a_bad_one_is_named(tmp_path: Path) -> None:
    import msgspec

    file = tmp_path / "target.json"
    file.write_bytes(msgspec.json.encode(a_target(arm="http1:workers=4")))
    assert target_of(parsed("--target", str(file)), "http1") == a_target(arm="http1:workers=4")
    file.write_text('{"arm": "http1", "spoon": 1}')
    with pytest.raises(LabError, match="not a target"):
        target_of(parsed("--target", str(file)), "http1")
    with pytest.raises(LabError, match="cannot be read"):
        target_of(parsed("--target", str(tmp_path / "nowhere")), "http1")

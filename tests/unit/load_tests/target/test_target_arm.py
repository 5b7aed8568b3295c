"""Arms as users write them: every form, and every way to write none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from load_tests.target.arm import parse_arm, parse_arms
from load_tests.target.rig import ROOT
from load_tests.target.target import ARMS
from metrics_core.errors import ConfigError, LabError


@pytest.mark.parametrize(
    "name, kind",
    [
        ("http1", "http-redis"),
        ("http2", "http-redis"),
        ("websocket", "websocket-memory"),
        ("http1-memory", "http-memory"),
        ("http2-memory", "http-memory"),
        ("websocket-redis", "websocket-redis"),
    ],
)
def test_plain_arms(name: str, kind: str) -> None:
    arm = parse_arm(name)
    assert (arm.name, arm.base, arm.kind, arm.settings, arm.load, arm.build) == (
        name,
        name,
        kind,
        (),
        (),
        ROOT,
    )
    assert (arm.protocol, arm.store) == ARMS[name]


def test_settings_and_loads() -> None:
    arm = parse_arm("http1:workers=4:fsync=everysec:rate=250.5:batch=100:producers=7")
    assert arm.settings == (("LAB_FSYNC", "everysec"), ("LAB_WORKERS", "4"))
    assert arm.load == (("batch", 100.0), ("producers", 7.0), ("rate", 250.5))
    assert arm.name == "http1:workers=4:fsync=everysec:rate=250.5:batch=100:producers=7"


def a_build(folder: Path) -> Path:
    """A folder that looks like this lab."""
    (folder / "pipeline_http_redis").mkdir(parents=True)
    (folder / "pipeline_http_redis" / "__main__.py").touch()
    return folder


def test_the_code_of_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = a_build(tmp_path / "other")
    assert parse_arm(f"websocket@{build}").build == build
    assert parse_arm(f"websocket:ring_capacity=64@{build}").settings == (("LAB_RING_CAPACITY", "64"),)
    monkeypatch.chdir(tmp_path)
    assert parse_arm("websocket@other").build == build
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_arm("websocket@~/other").build == build


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no arm ''"),
        ("htp1", "did you mean http1?"),
        ("websockets", "did you mean websocket?"),
        ("http2-memroy", "did you mean http2-memory?"),
        ("Http1", "no arm 'Http1'"),
        ("http1:", "expected NAME=VALUE with one of workers, fsync"),
        ("http1:workers", "expected NAME=VALUE"),
        ("http1:wrokers=2", "expected NAME=VALUE"),
        ("http1:workers=", "expected NAME=VALUE"),
        ("http1:workers=two", "http1:workers=two: "),
        ("http1:workers=-1", "http1:workers=-1: "),
        ("http1:workers=1000000", "http1:workers=1000000: "),
        ("http1:fsync=sometimes", "http1:fsync=sometimes: "),
        ("http1:rate=0", "rate=0: expected a number above 0"),
        ("http1:rate=-3", "expected a number above 0"),
        ("http1:rate=nan", "expected a number above 0"),
        ("http1:rate=inf", "expected a number above 0"),
        ("http1:rate=fast", "expected a number above 0"),
        ("http1:batch=1.5", "batch=1.5: expected a whole number"),
        ("http1:producers=0.5", "producers=0.5: expected a whole number"),
        ("http1:workers=1:workers=2", "workers is given twice"),
        ("http1:rate=1:rate=1", "rate is given twice"),
        ("http1@", "what follows @ is not a folder of this lab"),
        ("http1@/nowhere/at/all", "/nowhere/at/all is not a folder of this lab"),
    ],
)
def test_what_is_no_arm(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_arm(text)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_an_arm_comes_once() -> None:
    assert [arm.name for arm in parse_arms(["http1", "http2"])] == ["http1", "http2"]
    with pytest.raises(LabError, match="http1: named twice"):
        parse_arms(["http1", "http2", "http1"])


class FakeRig:
    """A rig that runs nothing."""

    def __init__(self, *names: str) -> None:
        self.children = dict.fromkeys(names)
        self.ingest, self.fanout, self.websocket = 11, 12, 13
        self.fsync, self.workers, self.ingest_processes = "always", 2, 1
        self.redis_url, self.folder = "unix:///r.sock", Path("/rig")

    def pids(self) -> dict[str, int]:
        return {name: 100 + number for number, name in enumerate(self.children)}


@pytest.mark.parametrize(
    "text, port, feed_port, processes",
    [
        ("http1", 11, 12, ["redis", "worker-1", "fanout", "ingest"]),
        ("websocket", 13, 13, ["websocket"]),
    ],
)
def test_what_an_arm_loads_on_its_rig(text: str, port: int, feed_port: int, processes: list[str]) -> None:
    rig: Any = FakeRig(*processes)
    target = parse_arm(text).target(rig)
    assert (target.port, target.http_url) == (port, f"http://127.0.0.1:{port}")
    assert target.feed_url == f"ws://127.0.0.1:{feed_port}/v1/feed"
    assert list(target.processes) == processes
    assert bool(target.redis_url) == bool(target.disk) == (target.store == "redis")
    assert target.own_lab


def test_crossovers_are_loaded_where_their_ingest_is() -> None:
    memory: Any = FakeRig("http-memory")
    target = parse_arm("http2-memory").target(memory)
    assert (target.port, target.feed_url) == (11, "ws://127.0.0.1:12/v1/feed")
    assert (list(target.processes), target.redis_url) == (["http-memory"], "")
    redis: Any = FakeRig("redis", "worker-1", "fanout", "websocket-redis")
    target = parse_arm("websocket-redis").target(redis)
    assert (target.port, target.redis_url != "") == (13, True)
    assert list(target.processes) == ["redis", "worker-1", "fanout", "websocket-redis"]

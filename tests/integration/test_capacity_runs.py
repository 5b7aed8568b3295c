"""Throughput of real pipelines, as a point of a capacity curve: all accepted, all processed, and counted right."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from load_tests.capacity.curve import producers_curve, throughput, workers_curve
from load_tests.target.arm import parse_arm
from load_tests.target.rig import Rig
from metrics_core.errors import LabError

SECONDS = 0.5


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Both pipelines."""
    with Rig() as running:
        yield running


def samples_held(rig: Rig, port: int) -> int:
    ledger = rig.get(port, "/v1/ledger")["producers"]
    return sum(high - low + 1 for epochs in ledger.values() for runs in epochs.values() for low, high in runs)


@pytest.mark.parametrize("name, least_per_s", [("http1", 300), ("http2", 300), ("websocket", 3000)])
def test_a_point_counts_what_the_ledger_holds(rig: Rig, name: str, least_per_s: float) -> None:
    target = parse_arm(name).target(rig)
    before = samples_held(rig, target.port)
    per_s = throughput(target, rig, producers=4, batch=10, seconds=SECONDS)
    held = samples_held(rig, target.port) - before
    assert held % 10 == 0
    assert per_s > least_per_s
    assert held >= per_s * SECONDS, "the warm-up is in the ledger too, and not in the rate"


def test_the_same_producers_measure_again_and_again(rig: Rig) -> None:
    """Each time with a new epoch: what the pipeline remembers of the last time is no duplicate."""
    target = parse_arm("websocket").target(rig)
    names = set(rig.get(target.port, "/v1/ledger")["producers"])
    for _ in range(3):
        assert throughput(target, rig, producers=2, batch=10, seconds=0.1) > 0
    after = rig.get(target.port, "/v1/ledger")
    assert set(after["producers"]) <= names | {"curve-0", "curve-1"}
    assert after["totals"]["duplicates"] == 0


def test_a_curve_keeps_the_settings_of_its_arm_and_has_a_point_a_number() -> None:
    seen: list[dict[str, str]] = []

    class Noted(Rig):
        def start_all(self) -> None:
            seen.append(self.settings)
            super().start_all()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("load_tests.target.arm.Rig", Noted)
        arm = parse_arm("http1:fsync=everysec")
        points = list(workers_curve(arm, [1, 2], producers=4, batch=10, seconds=0.2, rounds=1))
    assert [n for n, _ in points] == [1, 2]
    assert all(per_s > 0 for _, per_s in points)
    assert [each["LAB_WORKERS"] for each in seen] == ["1", "2"]
    assert {each["LAB_FSYNC"] for each in seen} == {"everysec"}


def test_a_curve_over_producers_is_made_round_by_round() -> None:
    points = list(producers_curve(parse_arm("websocket"), [1, 2], batch=10, seconds=0.2, rounds=2))
    assert [n for n, _ in points] == [1, 2]


def test_a_pipeline_that_is_not_there_is_one_sentence() -> None:
    with parse_arm("http1-memory").make_rig() as rig:
        target = parse_arm("http1-memory").target(rig)
    with pytest.raises(LabError, match="http1-memory cannot be reached: Connection refused"):
        throughput(target, rig, producers=1, batch=1, seconds=0.1)


def test_a_pipeline_that_dies_on_the_way_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    arm = parse_arm("http1-memory")
    with arm.make_rig() as rig:
        target = arm.target(rig)
        (pid,) = target.processes.values()

        def killed(*_: object) -> float:
            os.kill(pid, signal.SIGKILL)
            return 0.0

        monkeypatch.setattr("load_tests.capacity.curve._until_processed", killed)
        with pytest.raises(LabError, match=r"http1-memory with 2 producers: \w+"):
            throughput(target, rig, producers=2, batch=1, seconds=5)

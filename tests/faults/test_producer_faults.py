"""Producers that die, lie about the time, mix up their samples, repeat themselves and all come back at once.

Real processes: a fleet, both pipelines, a store that keeps every write. What the pipelines hold is compared with the
producers' own log, which is written before anything is sent and outlives a SIGKILL.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

import pytest

from metrics_core.ledger import count, subtract
from tests.support.fleet_process import (
    BOTH,
    HALF_AN_HOUR_US,
    FleetProcess,
    check_account,
    check_windows,
    identities,
    log_folder,
    logged,
    only,
)
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.slow_links import slow_links
from tests.support.waiting import until

KILLS = 10
BATCH = 250
WAIT_S = 60.0


@pytest.fixture(scope="module")
def pipelines() -> Iterator[Pipelines]:
    """Both pipelines, for all tests of this file."""
    with temporary_pipelines() as running:
        running.start_a(workers=2)
        running.start("websocket")
        yield running
        assert running.stack_traces() == []


@pytest.fixture(autouse=True)
def no_fleet_afterwards(pipelines: Pipelines) -> Iterator[None]:
    """A test that fails leaves no fleet to the next."""
    yield
    if (fleet := pipelines.children.get("fleet")) and fleet.alive:
        fleet.kill()


@pytest.fixture
def since_us() -> int:
    """Epochs from this on belong to the test."""
    return time.time_ns() // 1000


def counted(pipelines: Pipelines, pipeline: str) -> dict[str, int]:
    names = ("accepted", "processed", "duplicates", "late", "future", "rejected", "dead_lettered")
    totals = pipelines.totals(pipeline)
    return {name: totals[name] for name in names}


def gained(pipelines: Pipelines, before: dict[str, dict[str, int]], pipeline: str) -> dict[str, int]:
    now = counted(pipelines, pipeline)
    return {name: n - before[pipeline][name] for name, n in now.items()}


@pytest.fixture
def before(pipelines: Pipelines) -> dict[str, dict[str, int]]:
    """The counters of both pipelines at the beginning of the test."""
    return {pipeline: counted(pipelines, pipeline) for pipeline in BOTH}


def test_a_fleet_killed_mid_send_leaves_no_half_of_a_batch(pipelines: Pipelines, since_us: int) -> None:
    """The links take about half of what is made, so there is always a send on its way when the process dies."""
    source = Random(4)
    settings = {"SERVERS": "4", "RATE": "1000", "BATCH": str(BATCH)}
    with slow_links(pipelines, 500_000) as links:
        for kill in range(KILLS):
            fleet = FleetProcess(pipelines, **settings, **links)
            file = until(lambda n=kill: sorted(log_folder(pipelines).iterdir())[n:], "a log of its own")[0]  # type: ignore[misc]
            enough = source.randrange(400_000, 900_000)
            until(lambda: file.stat().st_size >= enough, "samples")  # noqa: B023
            fleet.kill()
    until(pipelines.settled, "pipeline A has applied all it took")

    log = identities(list(logged(pipelines, since_us)))
    assert {len(epochs) for epochs in log.values()} == {KILLS}, "each start is a new epoch"
    assert all(
        len(seqs) == 1 and seqs.next_missing() == seqs.size for ep in log.values() for seqs in ep.values()
    )
    for pipeline in BOTH:
        held = only(pipelines.ledger(pipeline), since_us)
        assert subtract(held, log) == {}, "processed and never made"
        assert count(log) - count(held) > KILLS * BATCH, "every kill caught some"
        assert count(held) > KILLS * BATCH, "and some got through"
        for epochs in held.values():
            for seqs in epochs.values():
                assert seqs.as_lists() == [[0, seqs.last]]
                assert seqs.size % BATCH == 0, "half of a batch was applied"


def test_producers_that_crash_mid_send_are_exact(
    pipelines: Pipelines, since_us: int, before: dict[str, dict[str, int]]
) -> None:
    """Half a frame, half a body by HTTP/1.1 and by HTTP/2 really reach the pipelines, ten times."""
    fleet = FleetProcess(pipelines, SERVERS="4", RATE="50", BATCH="5")
    for _ in range(KILLS):
        enough = fleet.created_n() + 100
        until(lambda n=enough: fleet.created_n() >= n, "samples")  # type: ignore[misc]
        assert fleet.fault("crash-producer") == 4
    enough = fleet.created_n() + 100
    until(lambda: fleet.created_n() >= enough, "samples after the last crash")
    fleet.drain()

    log = identities(list(logged(pipelines, since_us)))
    assert {len(epochs) for epochs in log.values()} == {KILLS + 1}
    for pipeline in BOTH:
        held = only(pipelines.ledger(pipeline), since_us)
        made, acked, crashed = (fleet.identities(pipeline, fate) for fate in ("created", "acked", "crashed"))
        assert made == log
        assert subtract(acked, held) == {}, "acked and lost"
        assert subtract(subtract(made, acked), crashed) == {}
        assert count(made) == count(acked) + count(crashed)
        for name, epochs in crashed.items():
            assert len(epochs) == KILLS
            for epoch, seqs in epochs.items():  # the last one is what it died over
                assert seqs.last == made[name][epoch].last
                assert seqs.last not in held[name][epoch]
        assert gained(pipelines, before, pipeline)["duplicates"] == 0
    fleet.stop()


def test_clocks_that_are_an_hour_wrong(
    pipelines: Pipelines, since_us: int, before: dict[str, dict[str, int]]
) -> None:
    fleet = FleetProcess(pipelines, SERVERS="4", RATE="50")
    until(
        lambda: min_processed(pipelines, since_us) >= 20,
        "right samples of everyone at both pipelines",
        WAIT_S,
    )
    assert fleet.fault("skew-clock", "web-01", 3600) == fleet.fault("skew-clock", "db-01", -3600) == 1
    enough = fleet.created_n() + 300
    until(lambda: fleet.created_n() >= enough, "samples with a wrong time")
    fleet.undo("skew-clock")
    enough = fleet.created_n() + 100
    until(lambda: fleet.created_n() >= enough, "right samples again")
    fleet.drain()

    samples = list(logged(pipelines, since_us))
    now_us = time.time_ns() // 1000
    future = sum(sample.sampled_at_us > now_us + HALF_AN_HOUR_US for sample in samples)
    late = sum(sample.sampled_at_us < now_us - HALF_AN_HOUR_US for sample in samples)
    assert min(future, late) > 50
    for pipeline in BOTH:
        assert gained(pipelines, before, pipeline) == {
            "accepted": len(samples),
            "processed": len(samples),
            "duplicates": 0,
            "late": late,
            "future": future,
            "rejected": 0,
            "dead_lettered": 0,
        }
    check_account(pipelines, fleet, since_us)
    check_windows(pipelines)
    fleet.stop()


def min_processed(pipelines: Pipelines, since_us: int) -> int:
    """Samples of the producer and pipeline that have the fewest."""
    held = [only(pipelines.ledger(pipeline), since_us) for pipeline in BOTH]
    if min(len(ledger) for ledger in held) < 4:
        return 0
    return min(seqs.size for ledger in held for epochs in ledger.values() for seqs in epochs.values())


def test_shuffled_samples_equal_an_ordered_oracle(
    pipelines: Pipelines, since_us: int, before: dict[str, dict[str, int]]
) -> None:
    """Within the kept windows nothing is late, beyond them every sample is; the windows are those of right order.

    Time stamps jump back and forth by a minute (web-01) and by 12 s (db-01) while blocks of 60 samples leave shuffled.
    """
    fleet = FleetProcess(pipelines, SERVERS="4", RATE="50")
    until(lambda: min_processed(pipelines, since_us) >= 20, "samples of everyone at both pipelines", WAIT_S)
    assert fleet.fault("shuffle", "*", 60) == 4
    for _ in range(3):
        fleet.fault("skew-clock", "web-01", -60)
        fleet.fault("skew-clock", "db-01", -12)
        enough = fleet.created_n() + 120
        until(lambda n=enough: fleet.created_n() >= n, "samples of the past")  # type: ignore[misc]
        fleet.undo("skew-clock")
        enough = fleet.created_n() + 120
        until(lambda n=enough: fleet.created_n() >= n, "samples of now")  # type: ignore[misc]
    fleet.drain()

    samples = list(logged(pipelines, since_us))
    late, newest_us = 0, 0
    for sample in samples:
        if sample.producer == "web-01":
            newest_us = max(newest_us, sample.sampled_at_us)
            late += sample.sampled_at_us < newest_us - 50_000_000
    assert late > 60
    for pipeline in BOTH:
        found = gained(pipelines, before, pipeline)
        assert found["processed"] == found["accepted"] == len(samples)
        assert (found["late"], found["future"], found["duplicates"]) == (late, 0, 0)
    check_account(pipelines, fleet, since_us)
    check_windows(pipelines)
    fleet.stop()


def test_duplicates_on_demand_are_counted_and_change_nothing(
    pipelines: Pipelines, since_us: int, before: dict[str, dict[str, int]]
) -> None:
    fleet = FleetProcess(pipelines, SERVERS="6", RATE="20", BATCH="2")
    fleet.fault("duplicate", "*", 3)
    until(lambda: min(fleet.ledger(pipeline)["resent"] for pipeline in BOTH) >= 400, "copies", WAIT_S)
    fleet.undo("duplicate")
    fleet.drain()

    samples = list(logged(pipelines, since_us))
    for pipeline in BOTH:
        resent, found = fleet.ledger(pipeline)["resent"], gained(pipelines, before, pipeline)
        assert found["duplicates"] == resent
        assert found["accepted"] == len(samples) + resent
        assert found["processed"] == len(samples)
    check_account(pipelines, fleet, since_us)
    check_windows(pipelines)
    fleet.stop()


def test_a_thousand_producers_reconnect_at_once(
    pipelines: Pipelines, since_us: int, before: dict[str, dict[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    servers = 1000
    fleet = FleetProcess(pipelines, SERVERS=str(servers), RATE="0.25")

    def all_there(pipeline: str) -> bool:
        return pipelines.metric(f"{pipeline}_connected", pipelines.base + 4) == servers

    until(lambda: all(map(all_there, BOTH)), "all producers are connected", WAIT_S)
    back_s = dict.fromkeys(BOTH, 0.0)
    for _ in range(2):
        begun_s = time.monotonic()
        assert fleet.fault("reconnect-storm") == servers
        assert not any(map(all_there, BOTH))
        for pipeline in reversed(BOTH):  # by HTTP a producer is back with its next sample, up to 4 s later
            until(lambda: all_there(pipeline), f"all producers are back at {pipeline}", WAIT_S)  # noqa: B023
            back_s[pipeline] = max(back_s[pipeline], time.monotonic() - begun_s)
    fleet.drain()
    check_account(pipelines, fleet, since_us)
    assert gained(pipelines, before, "websocket")["duplicates"] == 0, "resume told what was held"
    fleet.stop()
    with capsys.disabled():
        times = ", ".join(f"{pipeline} {seconds:.1f} s" for pipeline, seconds in back_s.items())
        print(f"\n{servers} producers reconnect at once, all back after: {times}")

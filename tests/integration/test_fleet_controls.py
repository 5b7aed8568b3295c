"""Every control of the fleet on real pipelines: its effect is seen in the pipelines' own ledgers, and all adds up."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from control_plane.audit_log import SampleLogTail
from control_plane.oracle import judge, read_log
from metrics_core.fates import ACKED_LOST, fates_of
from metrics_core.histogram import bucket_of
from metrics_core.ledger import count
from tests.support.fleet_process import BOTH, FleetProcess, log_folder
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.waiting import until

PORTS = {"http_redis": "ingest_port", "websocket": "websocket_port"}


@pytest.fixture(scope="module")
def pipelines() -> Iterator[Pipelines]:
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=1)
        pipelines.start("websocket")
        yield pipelines


@pytest.fixture(scope="module")
def fleet(pipelines: Pipelines) -> Iterator[FleetProcess]:
    fleet = FleetProcess(pipelines, SERVERS="6", RATE="4", SEED="3", LOG="json")
    yield fleet
    fleet.stop()
    assert pipelines.stack_traces() == []


def port(pipelines: Pipelines, pipeline: str) -> int:
    found: int = getattr(pipelines, PORTS[pipeline])
    return found


def processed(pipelines: Pipelines, pipeline: str) -> int:
    return pipelines.totals(pipeline)["processed"]


def order(fleet: FleetProcess, path: str, **body: Any) -> int:
    affected: int = fleet.post(path, **body)["affected"]
    return affected


def grows(pipelines: Pipelines, pipeline: str, n: int = 12) -> None:
    before = processed(pipelines, pipeline)
    until(lambda: processed(pipelines, pipeline) >= before + n, f"{n} more samples processed by {pipeline}")


def last(pipelines: Pipelines, pipeline: str, name: str) -> dict[str, Any]:
    windows = pipelines.get(port(pipelines, pipeline), "/v1/windows")["producers"]
    return dict(windows[name]["last"] or {}) if name in windows else {}


def test_a_higher_rate_and_a_larger_batch(pipelines: Pipelines, fleet: FleetProcess) -> None:
    for pipeline in BOTH:
        grows(pipelines, pipeline)
    assert fleet.post("/api/fleet", rate_factor=10, batch=5)["rate"] == pytest.approx(40)
    begin, begin_s = [processed(pipelines, pipeline) for pipeline in BOTH], time.monotonic()
    until(
        lambda: all(processed(pipelines, p) >= n + 200 for p, n in zip(BOTH, begin, strict=True)),
        "200 more on both; it were 8 s at the old rate",
        6,
    )
    assert time.monotonic() - begin_s < 7
    told = fleet.post("/api/fleet", rate_factor=1, batch=1)
    assert (told["rate"], told["batch"]) == (4, 1)


def test_servers_come_and_go(pipelines: Pipelines, fleet: FleetProcess) -> None:
    fleet.post("/api/fleet", servers=12)
    until(lambda: all(len(pipelines.ledger(p)) == 12 for p in BOTH), "twelve producers in both ledgers")
    fleet.post("/api/fleet", servers=6)
    assert len(fleet.get("/api/servers")["servers"]) == 6
    until(
        lambda: pipelines.metric("websocket_connected", pipelines.base + 4) == 6, "six connections are left"
    )
    for name in set(pipelines.ledger()) - {server["name"] for server in fleet.get("/api/servers")["servers"]}:
        made = fleet.identities("websocket", "created")[name]
        assert made == pipelines.ledger("websocket")[name]


def test_the_transport_moves_all_samples_to_one_pipeline(pipelines: Pipelines, fleet: FleetProcess) -> None:
    for transport, fed, left in (
        ("http2", "http_redis", "websocket"),
        ("websocket", "websocket", "http_redis"),
    ):
        fleet.post("/api/fleet", transport=transport)
        until(
            lambda p=left: pipelines.metric(f"{p}_connected", pipelines.base + 4) == 0,  # type: ignore[misc]
            f"nobody is left at {left}",
        )
        until(pipelines.settled, "pipeline A has applied all it took")
        before = processed(pipelines, left)
        grows(pipelines, fed)
        assert processed(pipelines, left) == before
    fleet.post("/api/fleet", transport="twin")
    for pipeline in BOTH:
        grows(pipelines, pipeline)


def test_a_stop_a_start_and_a_restart(pipelines: Pipelines, fleet: FleetProcess) -> None:
    assert order(fleet, "/api/servers/web-01/stop") == 1
    name, url = "web-01", f"http://127.0.0.1:{pipelines.base + 4}/servers/web-01/health"
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(url, timeout=10)
    made = fleet.identities("http_redis", "created")[name]
    until(
        lambda: all(pipelines.ledger(p)[name] == fleet.identities(p, "created")[name] for p in BOTH),
        "all is there",
    )
    for pipeline in BOTH:
        grows(pipelines, pipeline)
        assert fleet.identities(pipeline, "created")[name] == pipelines.ledger(pipeline)[name]
    assert made == fleet.identities("http_redis", "created")[name]
    assert order(fleet, "/api/servers/web-01/start") == 1
    assert order(fleet, "/api/servers/*/restart") == 6
    for pipeline in BOTH:
        until(lambda p=pipeline: len(pipelines.ledger(p)[name]) == 2, "the new epoch is in the ledger")  # type: ignore[misc]
    assert fleet.get("/servers/web-01/health")["status"] == "healthy"


def test_a_spike_and_a_load_are_in_both_pipelines_windows(pipelines: Pipelines, fleet: FleetProcess) -> None:
    assert order(fleet, "/api/servers/db-01/load", cpu_percent=97, for_s=60) == 1
    assert order(fleet, "/api/servers/web-02/spike", height=100, for_s=20) == 1
    for pipeline in BOTH:
        until(lambda p=pipeline: last(pipelines, p, "db-01").get("memory_percent", 0) >= 97, "memory held")  # type: ignore[misc]
        assert last(pipelines, pipeline, "db-01")["cpu_percent"] >= 97
        until(lambda p=pipeline: last(pipelines, p, "web-02").get("cpu_percent") == 100, "the spike")  # type: ignore[misc]
        assert last(pipelines, pipeline, "web-02")["memory_percent"] < 97
    history = fleet.get("/api/servers/db-01")["history"]
    assert history[-1]["cpu_percent"] >= 97
    assert 2 <= len(history) <= 120


def test_latency_is_in_both_pipelines_histograms(pipelines: Pipelines, fleet: FleetProcess) -> None:
    def above_300_ms(pipeline: str) -> int:
        pairs = pipelines.histogram("processed", pipeline).as_pairs()
        return sum(n for bucket, n in pairs if bucket >= bucket_of(300_000))

    before = {pipeline: above_300_ms(pipeline) for pipeline in BOTH}
    assert order(fleet, "/api/servers/*/latency", ms=400, for_s=30) == 6
    for pipeline in BOTH:
        until(
            lambda p=pipeline: above_300_ms(p) >= before[p] + 6,  # type: ignore[misc]
            f"samples that took over 300 ms in {pipeline}",
        )
    assert order(fleet, "/api/servers/*/latency", ms=1, for_s=1) == 6


def test_invalid_samples_are_rejected_by_name_and_no_part_of_any_sum(
    pipelines: Pipelines, fleet: FleetProcess
) -> None:
    before = {pipeline: pipelines.totals(pipeline)["rejected"] for pipeline in BOTH}
    assert order(fleet, "/api/servers/web-03/invalid", n=5) == 1
    for pipeline in BOTH:
        until(lambda p=pipeline: pipelines.totals(p)["rejected"] - before[p] == 5, "five rejected")  # type: ignore[misc]
        until(lambda p=pipeline: count(fleet.identities(p, "rejected")) == 5, "known to the fleet")  # type: ignore[misc]
        (epoch,) = fleet.identities(pipeline, "rejected")["web-03"]
        assert epoch not in pipelines.ledger(pipeline)["web-03"]
        reasons = fleet.ledger(pipeline)["reasons"]["web-03"][str(epoch)]
        assert [(low, high) for low, high, _ in reasons] == [(seq, seq) for seq in range(5)]
        assert all(reason.startswith("schema: $") for *_, reason in reasons)
    one, other = (fleet.ledger(pipeline)["reasons"] for pipeline in BOTH)
    assert one == other  # the same verdicts, in the same words
    assert fleet.get("/api/servers/web-03")["invalid"] == 5


def test_a_broadcast_is_logged_and_shown(pipelines: Pipelines, fleet: FleetProcess) -> None:
    assert order(fleet, "/api/broadcast", text="look at the ledger") == 6
    assert {server["note"] for server in fleet.get("/api/servers")["servers"]} == {"look at the ledger"}
    until(lambda: pipelines["fleet"].said().count('"broadcast"') >= 6, "logged by each")


def test_in_the_end_every_sample_has_its_fate(pipelines: Pipelines, fleet: FleetProcess) -> None:
    """Runs last: after all of the above, the audit and the oracle find nothing that does not add up."""
    fleet.drain()
    tail = SampleLogTail(log_folder(pipelines))
    for pipeline in BOTH:
        part = fleet.ledger(pipeline)
        places = pipelines.get(port(pipelines, pipeline), "/v1/whereabouts")
        found = fates_of(pipeline, part, places, pipelines.ledger_json(pipeline), tail.look())
        assert [equation.text for equation in found.equations if not equation.holds] == []
        counts = {fate: n for fate, n in found.counts.items() if n}
        assert set(counts) <= {"processed", "overwritten", "rejected"}, counts
        assert counts.get("rejected", 0) == count(fleet.identities(pipeline, "rejected"))
        assert not any(found.fates[fate] for fate in ACKED_LOST)
        windows = pipelines.get(port(pipelines, pipeline), "/v1/windows")
        findings = judge(
            read_log(log_folder(pipelines)), pipelines.ledger_json(pipeline), windows, time.time_ns() // 1000
        )
        assert [finding.as_line() for finding in findings if not finding.ok] == []
    assert pipelines.totals("http_redis")["duplicates"] == 0
    assert pipelines.totals("websocket")["duplicates"] == 0

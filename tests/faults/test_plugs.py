"""The scene of the class: pull each plug of a running lab, and every acknowledged sample is processed in the end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from control_plane.state import read_record
from tests.lab_process import LabProcess, until

SERVERS, RATE = 40, 10
STOPS_WITHIN_S = 5.0


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path / "state", LAB_SERVERS=str(SERVERS), LAB_RATE=str(RATE))
    process.up()
    yield process
    process.close()


def get(lab: LabProcess, offset: int, path: str) -> Any:
    """JSON from one of the lab's ports; None while it does not answer."""
    try:
        answer = httpx2.get(f"http://127.0.0.1:{lab.port_base + offset}{path}", trust_env=False, timeout=5)
    except httpx2.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def processed(lab: LabProcess, offset: int) -> int:
    ledger = get(lab, offset, "/v1/ledger")
    return ledger["totals"]["processed"] if ledger else 0


def pid_of(lab: LabProcess, name: str) -> int:
    record = read_record(lab.state_dir)
    assert record
    return next((entry.pid for entry in record.processes if entry.name == name and entry.pid), 0)


def audit_after_drain(lab: LabProcess) -> dict[str, Any]:
    """Stop sampling, let everything arrive, hold the ledgers against each other."""
    url = f"http://127.0.0.1:{lab.port_base + 4}/api/drain"
    until(lambda: httpx2.post(url, trust_env=False, timeout=15).json()["drained"])
    until(lambda: lab.run("ledger").returncode == 0)
    done = lab.run("ledger", "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["worker-1", "redis", "websocket", "ingest", "fanout"])
def test_every_acked_sample_is_processed_after_a_kill(lab: LabProcess, name: str) -> None:
    until(lambda: processed(lab, 1) > 400 and processed(lab, 3) > 400)
    before = {offset: processed(lab, offset) for offset in (1, 3)}
    pid = pid_of(lab, name)
    lab.kill(name)
    until(lambda: pid_of(lab, name) not in (0, pid))
    until(lambda: all(processed(lab, offset) > before[offset] + 1_000 for offset in (1, 3)))
    audit = audit_after_drain(lab)
    assert audit["ok"] is True, audit
    for pipeline in audit["pipelines"].values():
        assert pipeline["lost"] == 0
        assert pipeline["acked"] == pipeline["processed"] == pipeline["created"] > 1_400


def test_a_killed_fleet_leaves_no_half_batch_and_starts_a_new_epoch(lab: LabProcess) -> None:
    until(lambda: processed(lab, 1) > 400 and processed(lab, 3) > 400)
    pid = pid_of(lab, "fleet")
    lab.kill("fleet")
    until(lambda: pid_of(lab, "fleet") not in (0, pid) and get(lab, 4, "/readyz"))
    until(lambda: all(len(epochs) == 2 for epochs in get(lab, 1, "/v1/ledger")["producers"].values()))
    audit = audit_after_drain(lab)
    assert audit["ok"] is True, audit
    for offset in (1, 3):
        producers = get(lab, offset, "/v1/ledger")["producers"]
        assert len(producers) == SERVERS
        for name, epochs in producers.items():
            assert len(epochs) == 2, name
            for intervals in epochs.values():
                assert len(intervals) == 1, (
                    f"{name}: a gap where everything sent should have arrived: {intervals}"
                )
                assert intervals[0][0] == 0


def test_sigterm_to_each_process_in_turn(lab: LabProcess) -> None:
    """Each ends in order within five seconds, comes back, and in the end not one sample is missing."""
    until(lambda: processed(lab, 1) > 400 and processed(lab, 3) > 400)
    names = ["worker-1", "ingest", "fanout", "websocket", "dashboard", "redis", "worker-2"]
    took_s = {}
    for name in names:
        process = psutil.Process(pid_of(lab, name))
        begun_s = time.monotonic()
        process.terminate()
        process.wait(STOPS_WITHIN_S)
        took_s[name] = time.monotonic() - begun_s
        until(partial(is_back, lab, name, process.pid))
    before = {offset: processed(lab, offset) for offset in (1, 3)}
    until(lambda: all(processed(lab, offset) > before[offset] + 400 for offset in (1, 3)))
    audit = audit_after_drain(lab)
    assert audit["ok"] is True, audit
    for pipeline in audit["pipelines"].values():
        assert pipeline["lost"] == 0
        assert pipeline["acked"] == pipeline["processed"] == pipeline["created"]
    print({name: round(seconds, 2) for name, seconds in took_s.items()})


def is_back(lab: LabProcess, name: str, former_pid: int) -> bool:
    """Whether a process was started again and is ready."""
    record = read_record(lab.state_dir)
    assert record
    return any(
        e.name == name and e.pid not in (0, former_pid) and e.state == "ready" for e in record.processes
    )

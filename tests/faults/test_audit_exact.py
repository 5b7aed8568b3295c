"""One fate per sample, exact while plugs are pulled: each look is held against itself, the end against the log."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import httpx2
import pytest

from control_plane.oracle import judge, read_log
from control_plane.state import find, read_record
from tests.lab_process import LabProcess, until

SERVERS, RATE, RING, OUTBOX = 4, 50, 16, 100
Identity = tuple[str, int, int]
PIPELINES: Final = {"http_redis": 1, "websocket": 3}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    process = LabProcess(
        tmp_path / "state",
        LAB_SERVERS=str(SERVERS),
        LAB_RATE=str(RATE),
        LAB_RING_CAPACITY=str(RING),
        LAB_OUTBOX_CAPACITY=str(OUTBOX),
    )
    process.up()
    yield process
    process.close()


def get(lab: LabProcess, offset: int, path: str) -> Any:
    """JSON from one of the lab's ports; None while it does not answer."""
    try:
        answer = httpx2.get(f"http://127.0.0.1:{lab.port_base + offset}{path}", trust_env=False, timeout=10)
    except httpx2.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def audited(lab: LabProcess) -> dict[str, Any]:
    """Each pipeline's part of the audit."""
    found: dict[str, Any] = {}

    def answered() -> bool:
        found.update((get(lab, 0, "/api/audit") or {}).get("pipelines", {}))
        return bool(found)

    until(answered)
    return found


def seqs(intervals: list[list[int]]) -> set[int]:
    return {seq for low, high in intervals for seq in range(low, high + 1)}


def identities(producers: dict[str, dict[str, list[list[int]]]]) -> set[Identity]:
    return {
        (name, int(epoch), seq)
        for name, epochs in producers.items()
        for epoch, intervals in epochs.items()
        for seq in seqs(intervals)
    }


def by_fate(part: dict[str, Any]) -> dict[str, set[Identity]]:
    """The identities of each fate of one pipeline's audit; fails where one has two."""
    found: dict[str, set[Identity]] = {}
    told: Counter[Identity] = Counter()
    for name, epochs in part["producers"].items():
        for epoch, runs in epochs.items():
            for low, high, fate in runs:
                members = [(name, int(epoch), seq) for seq in range(low, high + 1)]
                told.update(members)
                found.setdefault(fate, set()).update(members)
    assert not part["cut"]
    assert max(told.values(), default=1) == 1, "a sample with two fates"
    assert {fate: len(members) for fate, members in found.items()} == {
        fate: n for fate, n in part["counts"].items() if n
    }
    return found


class Watcher(threading.Thread):
    """Looks at the audit all the time, and holds each look against itself."""

    def __init__(self, lab: LabProcess) -> None:
        super().__init__(daemon=True)
        self.looks = 0
        self.seen: set[str] = set()
        self.wrong: list[str] = []
        self._lab = lab
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.5):
            audit = get(self._lab, 0, "/api/audit")
            if audit is not None:
                self.looks += 1
                for name, part in audit["pipelines"].items():
                    self._check(name, part)

    def _check(self, name: str, part: dict[str, Any]) -> None:
        fates = by_fate(part)
        self.seen |= {f"{name} {fate}" for fate in fates}
        epochs: dict[tuple[str, int], set[int]] = {}
        for members in fates.values():
            for producer, epoch, seq in members:
                epochs.setdefault((producer, epoch), set()).add(seq)
        for key, numbers in epochs.items():
            if numbers != set(range(len(numbers))):
                self.wrong.append(f"{name}: a created sample of {key} has no fate")
        if "error" in part:
            return
        self.wrong += [f"{name}: {each}" for each in part["equations"] if not each["holds"]]
        if fates.get("lost_store"):
            self.wrong.append(f"{name}: told as lost: {sorted(fates['lost_store'])[:5]}")

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self.join(30)


def processes(lab: LabProcess, prefix: str) -> list[Any]:
    record = read_record(lab.state_dir)
    assert record
    return [found for entry in record.processes if entry.name.startswith(prefix) and (found := find(entry))]


def kill_and_await(lab: LabProcess, name: str, back: Callable[[], object]) -> None:
    (before,) = processes(lab, name)
    before.kill()
    until(lambda: [found for found in processes(lab, name) if found.pid != before.pid])
    until(back)


def processed(lab: LabProcess, offset: int) -> int:
    """What a pipeline has processed since its memory began; 0 while it does not answer."""
    ledger = get(lab, offset, "/v1/ledger")
    return int(ledger["totals"]["processed"]) if ledger else 0


def grown(lab: LabProcess, offset: int, by: int) -> Callable[[], bool]:
    """Whether a pipeline has processed so many more since now."""
    before = processed(lab, offset)
    return lambda: processed(lab, offset) >= before + by


def drain(lab: LabProcess) -> None:
    url = f"http://127.0.0.1:{lab.port_base + 4}/api/drain"
    until(lambda: httpx2.post(url, trust_env=False, timeout=15).json()["drained"])
    made = len(in_the_log(lab))
    until(lambda: all(_settled(part, made) for part in audited(lab).values()))


def _settled(part: dict[str, Any], made: int) -> bool:
    """Whether an audit, which may be half a second old, knows all samples, and none of them is on its way."""
    waiting = sum(n for fate, n in part["counts"].items() if fate.startswith("waiting"))
    return not waiting and sum(part["counts"].values()) == made


def in_the_log(lab: LabProcess) -> set[Identity]:
    record = read_record(lab.state_dir)
    assert record
    lines = [json.loads(line) for line in read_log(lab.state_dir / record.run / "samples")]
    return {(line["producer"], line["epoch"], line["seq"]) for line in lines}


def test_every_sample_has_one_fate_while_plugs_are_pulled(lab: LabProcess) -> None:
    with Watcher(lab) as watcher:
        until(grown(lab, 3, 10 * RING * SERVERS))
        check_overflow(lab)

        workers = processes(lab, "worker")
        for worker in workers:
            worker.suspend()
        until(lambda: audited(lab)["http_redis"]["counts"]["waiting_queue"] > RATE)
        assert lab.run("ledger", "--wait", "0").returncode == 1, "what waits is not processed yet"
        workers[0].kill()
        workers[1].resume()
        until(grown(lab, 1, SERVERS * RATE))
        kill_and_await(lab, "redis", grown(lab, 1, SERVERS * RATE))
        kill_and_await(lab, "ingest", grown(lab, 1, SERVERS * RATE))
        kill_and_await(lab, "fleet", grown(lab, 1, 2 * SERVERS * OUTBOX))
        kill_and_await(lab, "websocket", lambda: processed(lab, 3) >= SERVERS * OUTBOX)
        drain(lab)
    assert watcher.wrong == []
    assert watcher.looks > 10
    assert watcher.seen >= {
        "http_redis processed", "http_redis waiting_queue", "websocket overwritten", "websocket lost_memory",
    }  # fmt: skip
    check_the_end(lab)


def check_overflow(lab: LabProcess) -> None:
    """The rings took ten times what they hold: the newest are in them, all others were overwritten, by name."""
    part = audited(lab)["websocket"]
    fates = by_fate(part)
    found = get(lab, 3, "/v1/whereabouts")
    for name, epochs in found["places"]["overwritten"].items():
        ((epoch, gone),) = epochs.items()
        ((low, high),) = gone
        assert low == 0
        assert high + 1 >= 9 * RING
        assert found["places"]["ring"][name] == {epoch: [[high + 1, high + RING]]}
        told = {seq for producer, _, seq in fates["overwritten"] if producer == name}
        held = {seq for producer, _, seq in fates["processed"] if producer == name}
        assert told == set(range(len(told))) <= set(range(high + 1)), "the audit is the older one"
        assert held == set(range(len(told), len(told) + len(held)))
        assert len(held) <= RING, "fewer where newer ones came after the fleet was asked"
    assert found["places"]["overwritten"].keys() == part["producers"].keys()
    counts = found["counts"]
    assert counts["ring"] == RING * SERVERS
    assert counts["overwritten"] == counts["overwritten_named"] == counts["unique"] - counts["ring"]


def check_the_end(lab: LabProcess) -> None:
    """All is at rest: plain sets out of the log and the raw ledgers must give what the audit says."""
    audit = audited(lab)
    fleet = get(lab, 4, "/api/ledger")["pipelines"]
    logged = in_the_log(lab)
    now_us = time.time_ns() // 1000
    epochs = {(name, epoch) for name, epoch, _ in logged}
    assert len(epochs) == 2 * SERVERS, "the fleet was started twice"
    for name, offset in PIPELINES.items():
        fates = by_fate(audit[name])
        ledger = get(lab, offset, "/v1/ledger")
        held, acked = identities(ledger["producers"]), identities(fleet[name]["acked"]["producers"])
        assert set().union(*fates.values()) == logged, (
            "every line of the log has a fate, and nothing else has"
        )
        assert fates["processed"] | fates.get("overwritten", set()) == held
        lost = fates.get("lost_store" if name == "http_redis" else "lost_memory", set())
        assert lost == acked - held
        of_the_dead = {i for i in logged if i[1] != max(epoch for _, epoch in epochs)}
        assert fates.get("lost_producer", set()) == of_the_dead - held
        findings = judge(
            read_log(lab.state_dir / _run(lab) / "samples"), ledger, get(lab, offset, "/v1/windows"), now_us
        )
        assert all(finding.ok for finding in findings), [finding.as_line() for finding in findings]
    assert "lost_store" not in by_fate(audit["http_redis"]), "pipeline A keeps what it acked"
    lost = by_fate(audit["websocket"])["lost_memory"]
    assert {name for name, _, _ in lost} == {name for name, _ in epochs}, "older than the outboxes reach back"
    told = lab.run("ledger", "--explain")
    assert told.returncode == 1, "pipeline B lost what it had acknowledged"
    said = " ".join(told.stdout.split())
    assert "≠" not in said
    assert f"lost memory, {len(lost):,} samples: acknowledged, and then lost" in said
    assert "was last in the memory of pipeline B, after the ack" in said


def _run(lab: LabProcess) -> str:
    record = read_record(lab.state_dir)
    assert record
    return record.run

"""A real fleet process beside `Pipelines`: its control API, its log of samples, and the audit of both."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, audit, parse_ledger
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder
from tests.support.oracle import Oracle
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.schema import Snapshot, check_snapshot
from tests.support.waiting import until

BOTH: Final = ("http_redis", "websocket")
HALF_AN_HOUR_US: Final = 1_800_000_000


class FleetProcess:
    """The process `fleet` of these pipelines.

    Args:
        pipelines: Both pipelines run already.
        settings: `LAB_…` variables without the prefix.
    """

    def __init__(self, pipelines: Pipelines, **settings: str) -> None:
        self._pipelines = pipelines
        self._url = f"http://127.0.0.1:{pipelines.base + 4}"
        pipelines.start("fleet", **settings)
        until(self._answers, "the fleet's control API answers")

    def _answers(self) -> bool:
        assert self._pipelines["fleet"].alive, self._pipelines["fleet"].said()[-2000:]
        return self._pipelines.get(self._pipelines.base + 4, "/healthz") is not None

    def get(self, path: str) -> Any:
        """JSON of a GET request."""
        return self._call(urllib.request.Request(self._url + path))

    def post(self, path: str, **body: Any) -> Any:
        """JSON of a POST request with a JSON body."""
        head = {"content-type": "application/json"}
        return self._call(urllib.request.Request(self._url + path, json.dumps(body).encode(), head))

    @staticmethod
    def _call(request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def fault(self, kind: str, target: str = "*", grade: float | None = None) -> int:
        """Begin a fault; gives how many producers it acts on."""
        affected: int = self.post("/api/faults", kind=kind, target=target, grade=grade)["affected"]
        return affected

    def undo(self, kind: str, target: str = "*") -> None:
        """End a fault."""
        self.post("/api/faults/undo", kind=kind, target=target)

    def ledger(self, pipeline: str) -> dict[str, Any]:
        """One pipeline's part of the fleet's account."""
        part: dict[str, Any] = self.get("/api/ledger")["pipelines"][pipeline]
        return part

    def identities(self, pipeline: str, fate: str) -> Ledger:
        """Identities by fate."""
        return parse_ledger(self.ledger(pipeline)[fate]["producers"])

    def created_n(self) -> int:
        """How many samples there are."""
        return int(self._pipelines.metric("samples_total", self._pipelines.base + 4))

    def drain(self) -> None:
        """Make no more samples; each has its fate at both pipelines afterwards."""
        until(
            lambda: self.post("/api/drain") == {"drained": True, "waiting": 0}, "the outboxes are drained", 60
        )
        until(self._pipelines.settled, "pipeline A has applied all it took", 60)

    def stop(self) -> None:
        """End it as the supervisor does, which would kill after 5 s."""
        code, took_s = self._pipelines["fleet"].stop()
        assert (code, took_s < 5) == (0, True), f"exit code {code} after {took_s:.1f} s"

    def kill(self) -> None:
        """SIGKILL."""
        self._pipelines["fleet"].kill()


def log_folder(pipelines: Pipelines) -> Path:
    """Where the fleets of these pipelines log their samples."""
    return pipelines.folder / "test" / "samples"


def logged(pipelines: Pipelines, since_us: int = 0) -> Iterator[Sample]:
    """Samples of the producers' own log, oldest first; the last line of a killed fleet's file may be torn.

    Args:
        pipelines: Whose fleets.
        since_us: Only of epochs from this on, µs since 1970.
    """
    decode = BatchDecoder().decode
    for path in sorted(log_folder(pipelines).glob("*.jsonl")):
        text = path.read_bytes()
        for line in text[: text.rfind(b"\n") + 1].splitlines():
            (sample,) = decode(line)
            if sample.epoch >= since_us:
                yield sample


def identities(samples: list[Sample]) -> Ledger:
    """The identities of samples."""
    found: dict[str, dict[int, IntervalSet]] = defaultdict(lambda: defaultdict(IntervalSet))
    for sample in samples:
        found[sample.producer][sample.epoch].add(sample.seq, sample.seq)
    return {name: dict(epochs) for name, epochs in found.items()}


def only(ledger: Ledger, since_us: int) -> Ledger:
    """The epochs from `since_us` on."""
    kept = {
        name: {epoch: seqs for epoch, seqs in epochs.items() if epoch >= since_us}
        for name, epochs in ledger.items()
    }
    return {name: epochs for name, epochs in kept.items() if epochs}


def check_account(pipelines: Pipelines, fleet: FleetProcess, since_us: int) -> None:
    """What was made is in the log, was acked, and is processed: the same identities four times."""
    log = identities(list(logged(pipelines, since_us)))
    for pipeline in BOTH:
        found = audit(fleet.ledger(pipeline), pipelines.ledger_json(pipeline))
        assert found.ok, found
        assert log == fleet.identities(pipeline, "created") == fleet.identities(pipeline, "acked")
        assert log == only(pipelines.ledger(pipeline), since_us)


def check_windows(pipelines: Pipelines) -> None:
    """The newest sample and window of each producer are those of an oracle that got what is held in order."""
    now_us = time.time_ns() // 1000
    samples = [sample for sample in logged(pipelines) if abs(sample.sampled_at_us - now_us) < HALF_AN_HOUR_US]
    for pipeline, port in zip(BOTH, (pipelines.fanout_port, pipelines.websocket_port), strict=True):
        oracle, held = Oracle(), pipelines.ledger(pipeline)
        oracle.add([s for s in samples if s.seq in held[s.producer].get(s.epoch, ())], now_us)
        shown = {entry.producer: entry for entry in _snapshot(port).producers}
        for name in oracle.ledger():
            assert shown[name].last == oracle.last(name)
            window = oracle.window(name)
            assert window
            for metric, (low, high, n) in window.items():
                figures = getattr(shown[name].window, metric)
                assert (figures.min, figures.max, figures.n) == (low, high, n), (port, name, metric)


def _snapshot(port: int) -> Snapshot:
    with RawWebSocket(port, "/v1/feed") as feed:
        return check_snapshot(feed.receive())

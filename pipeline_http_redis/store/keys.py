"""The names of everything that pipeline A keeps in Redis, and the bounds on it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from metrics_core.sample import Sample
from metrics_core.snapshot import ProcessView
from metrics_core.summary import Summary

QUEUE_NAME: Final = "batches"
QUEUE: Final = f"rq:queue:{QUEUE_NAME}"
INTERMEDIATE: Final = f"{QUEUE}:intermediate"
STARTED: Final = f"rq:wip:{QUEUE_NAME}"

TOTALS: Final = "lab:totals"
ACCEPTED: Final = "lab:latency:accepted"
PROCESSED: Final = "lab:latency:processed"
PRODUCERS: Final = "lab:producers"
EPOCHS: Final = "lab:epochs"
STREAM: Final = "lab:stream"
PROCESSES: Final = "lab:processes"
GATHERED: Final = "lab:gathered"
COMMITTED: Final = "lab:committed"
DEAD: Final = "lab:dead"
DEAD_RUNS: Final = "lab:dead:runs"
MARKS: Final = "lab:marks:"

STREAM_LENGTH: Final = 5_000
DEAD_KEPT: Final = 100
DEAD_RUNS_KEPT: Final = 10_000
TIMEOUT_S: Final = 5.0


def job(job_id: str) -> str:
    """RQ's key of a job."""
    return f"rq:job:{job_id}"


def claim(batch_id: str) -> str:
    """The key that holds a committed group until it is applied."""
    return f"lab:claim:{batch_id}"


def marks(producer: str, epoch: str) -> str:
    """The key that holds the intervals of sequence numbers processed."""
    return f"{MARKS}{producer}:{epoch}"


class StoredProducer(Struct, array_like=True, gc=False):
    """A producer's aggregates as `apply.lua` keeps them."""

    last: list[str | int | float] | bool
    windows: list[Summary]

    def last_sample(self) -> Sample | None:
        """The newest sample, or None."""
        return Sample(*self.last) if isinstance(self.last, list) else None  # type: ignore[arg-type]


pack = msgspec.msgpack.Encoder().encode
unpack_producer = msgspec.msgpack.Decoder(StoredProducer).decode
unpack_names = msgspec.msgpack.Decoder(list[str]).decode
unpack_gathered = msgspec.msgpack.Decoder(tuple[int, int, int]).decode
unpack_committed = msgspec.msgpack.Decoder(list[tuple[tuple[str, int, int], int]]).decode
unpack_process = msgspec.msgpack.Decoder(tuple[int, float, int, int]).decode


def pack_process(process: ProcessView, at_us: int) -> bytes:
    """What `PROCESSES` keeps of a process."""
    return pack((process.pid, process.cpu_percent, process.rss_bytes, at_us))

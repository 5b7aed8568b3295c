"""A worker's view of the store: take a claim, apply it once, or set it aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import redis
from msgspec import Struct

from metrics_core import limits
from metrics_core.snapshot import ProcessView
from metrics_core.summary import Summary
from pipeline_http_redis.store import keys
from pipeline_http_redis.store.identities import runs_of

_HERE: Final = Path(__file__).parent
_NO_RUNS: Final = keys.pack([])


class FoldedBatch(Struct):
    """A batch as `apply.lua` takes it; see the script for the shapes."""

    groups: list[tuple[str, str, list[list[int]]]]
    producers: list[tuple[str, tuple[Any, ...] | None, list[Summary]]]
    times: list[int]
    future: int
    duplicates: int
    dead: int


class Excluded(Struct):
    """Why a batch was not applied: identities marked before, and groups that hit a limit (by number of group)."""

    overlaps: list[tuple[int, int, int]]
    limited: list[tuple[int, str]]


class Applier:
    """A worker's view: take a claim, apply it once."""

    def __init__(self, connection: redis.Redis) -> None:
        self._redis = connection
        self._apply = connection.register_script((_HERE / "apply.lua").read_text())
        self._set_aside = connection.register_script((_HERE / "set_aside.lua").read_text())
        self._push_back = connection.register_script((_HERE / "push_back.lua").read_text())

    def body(self, batch_id: str) -> bytes | None:
        """The bytes of a committed group; None where it was applied before."""
        found = self._redis.get(keys.claim(batch_id))
        return found if isinstance(found, bytes) else None

    def apply(self, batch_id: str, batch: FoldedBatch, dead: bytes, traces: bytes = b"") -> Excluded | None:
        """Apply a batch once.

        Args:
            batch_id: Identity of the group.
            batch: What it amounts to.
            dead: The samples set aside, as JSON; empty where there are none.
            traces: What `encode_traces` made of its traces; empty where there are none.

        Returns:
            None where it is applied now or was before; else why nothing was written.
        """
        reply: list[Any] = self._apply(
            keys=[
                keys.claim(batch_id),
                keys.TOTALS,
                keys.PROCESSED,
                keys.PRODUCERS,
                keys.EPOCHS,
                keys.STREAM,
                keys.DEAD,
                keys.DEAD_RUNS,
            ],
            args=[
                keys.pack(batch),
                keys.MARKS,
                limits.MAX_PRODUCERS,
                limits.MAX_EPOCHS_PER_PRODUCER,
                limits.MAX_INTERVALS_PER_EPOCH,
                limits.WINDOWS_KEPT,
                keys.STREAM_LENGTH,
                keys.DEAD_KEPT,
                dead,
                keys.DEAD_RUNS_KEPT,
                _pack_runs(dead),
                traces,
            ],
        )
        if reply[0] != b"excluded":
            return None
        return Excluded(
            overlaps=[(int(g), int(low), int(high)) for g, low, high in reply[1]],
            limited=[(int(g), reason.decode()) for g, reason in reply[2]],
        )

    def set_aside(self, batch_id: str, samples: int) -> bool:
        """Move a batch whose job failed for good to the dead list. True where it was not settled before."""
        runs = _pack_runs(self.body(batch_id) or b"")
        return bool(
            self._set_aside(
                keys=[keys.claim(batch_id), keys.TOTALS, keys.DEAD, keys.DEAD_RUNS],
                args=[samples, keys.DEAD_KEPT, keys.DEAD_RUNS_KEPT, runs],
            )
        )

    def push_back(self, job_id: str, entry: str = "") -> bool:
        """Return a job that was popped and not finished to the front of the queue. False where it is gone.

        Args:
            job_id: The job.
            entry: Its entry in the started registry; empty where it was not started.
        """
        names = [keys.INTERMEDIATE, keys.QUEUE, keys.job(job_id), keys.STARTED]
        return bool(self._push_back(keys=names, args=[job_id, entry]))

    def report(self, process: ProcessView, at_us: int) -> None:
        """Tell what this process uses."""
        self._redis.hset(keys.PROCESSES, process.name, keys.pack_process(process, at_us))


def _pack_runs(body: bytes) -> bytes:
    """The identities of what is set aside, the newest that are kept."""
    return keys.pack([run.as_text() for run in runs_of(body)[-keys.DEAD_RUNS_KEPT :]]) if body else _NO_RUNS

"""The one job of pipeline A: fold a committed group of batches and apply it once.

Stateless: all it knows comes from the claim, all it does is one call of `apply.lua`. It may run twice, on two workers,
or be cut anywhere; the claim and the identity marks make the outcome the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rq import get_current_job

from lab_runtime.logs import get_logger
from metrics_core.errors import LabError
from metrics_core.limits import MAX_FUTURE_US
from metrics_core.runs import ProducerRuns, split_runs
from metrics_core.sample import Sample
from metrics_core.summary import Summary, newest, summarize
from metrics_core.trace import Trace, decode_traces, encode_traces
from metrics_core.wire import decode_group, encode_batch
from pipeline_http_redis.rq_safe import BatchJob
from pipeline_http_redis.store.applier import Applier, Excluded, FoldedBatch

_MOST_FOLDS = 10
_log = get_logger("jobs")


class CannotSettle(LabError):
    """A batch was overtaken by others each time it was folded; RQ tries the job again."""


def apply_batch(batch_id: str, samples: int, traces: str = "") -> None:
    """RQ's entry: apply the group with this id (`samples` is for people who look at the queue)."""
    job = get_current_job()
    assert isinstance(job, BatchJob), "runs as an RQ job of the lab only"
    found = decode_traces(traces) if traces else []
    for trace in found:
        trace.passed("dequeued", job.dequeued_us)
    apply_claim(Applier(job.connection), batch_id, time.time_ns() // 1000, found)


def apply_claim(applier: Applier, batch_id: str, now_us: int, traces: Sequence[Trace] = ()) -> None:
    """Fold and apply the group; fold again without identities that are marked already.

    Args:
        applier: The store.
        batch_id: Identity of the group.
        now_us: The worker's clock, to tell samples from the future.
        traces: Of some of its samples.

    Raises:
        Malformed: The claim does not hold what the ingest put there.
        CannotSettle: Other workers applied the same identities between every fold and its application.
    """
    body = applier.body(batch_id)
    groups, duplicates = split_runs(decode_group(body)) if body is not None else ([], 0)
    dead: list[Sample] = []
    for _ in range(_MOST_FOLDS):
        set_aside = encode_batch(dead) if dead else b""
        going_on = _among(groups, traces) if traces else b""
        folded = fold(groups, duplicates, len(dead), now_us)
        excluded = applier.apply(batch_id, folded, set_aside, going_on)
        if excluded is None:
            return
        groups, repeated = _without(groups, excluded, dead)
        duplicates += repeated
    raise CannotSettle(f"batch {batch_id} was overtaken {_MOST_FOLDS} times")


def _among(groups: list[ProducerRuns], traces: Sequence[Trace]) -> bytes:
    """The traces of samples that are to be applied: not of repeats, nor of what is set aside."""
    runs = {(group.producer, group.epoch): group.runs for group in groups}
    kept = [
        trace
        for trace in traces
        if any(low <= trace.seq <= high for low, high in runs.get((trace.producer, trace.epoch), []))
    ]
    return encode_traces(kept) if kept else b""


def fold(groups: list[ProducerRuns], duplicates: int, dead: int, now_us: int) -> FoldedBatch:
    """One summary per producer and window, out of runs."""
    latest_us = now_us + MAX_FUTURE_US
    by_producer: dict[str, tuple[list[Sample], list[int]]] = {}
    times: list[int] = []
    future = 0
    for group in groups:
        stamps = [sample.sampled_at_us for sample in group.samples]
        timely = group.samples
        if max(stamps) > latest_us:
            timely = [sample for sample in timely if sample.sampled_at_us <= latest_us]
            future += len(stamps) - len(timely)
            stamps = [sample.sampled_at_us for sample in timely]
        times += stamps
        if timely:
            members = by_producer.setdefault(group.producer, ([], []))
            members[0].extend(timely)
            members[1].extend(stamps)
    producers: list[tuple[str, tuple[object, ...] | None, list[Summary]]] = []
    for name, (samples, taken) in by_producer.items():
        producers.append((name, _as_tuple(newest(samples, taken)), summarize(samples, taken)))
    return FoldedBatch(
        groups=[(group.producer, str(group.epoch), group.runs) for group in groups],
        producers=producers,
        times=times,
        future=future,
        duplicates=duplicates,
        dead=dead,
    )


def _as_tuple(sample: Sample) -> tuple[object, ...]:
    return tuple(getattr(sample, field) for field in Sample.__struct_fields__)


def _without(
    groups: list[ProducerRuns], excluded: Excluded, dead: list[Sample]
) -> tuple[list[ProducerRuns], int]:
    """The groups without what the store excluded; samples over a limit go to `dead`. Returns repeats, too."""
    limited = dict(excluded.limited)
    overlaps: dict[int, list[tuple[int, int]]] = {}
    for number, low, high in excluded.overlaps:
        overlaps.setdefault(number, []).append((low, high))
    kept: list[Sample] = []
    repeated = 0
    for number, group in enumerate(groups):
        fresh = group.samples
        if number in overlaps:
            marked = overlaps[number]
            fresh = [s for s in fresh if not any(low <= s.seq <= high for low, high in marked)]
            repeated += len(group.samples) - len(fresh)
        if number in limited:
            _log.warning("set_aside", producer=group.producer, samples=len(fresh), reason=limited[number])
            dead.extend(fresh)
        else:
            kept += fresh
    return (split_runs(kept)[0] if kept else []), repeated

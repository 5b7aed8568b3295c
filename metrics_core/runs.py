"""Batches to runs: samples grouped by who sent them, with the sequence numbers they cover.

A *run* is an unbroken stretch of sequence numbers of one producer and epoch. Batches are mostly runs already; the
cost of looking at each identity is paid only where they are not.
"""

from __future__ import annotations

from msgspec import Struct

from metrics_core.sample import Sample


class ProducerRuns(Struct, gc=False):
    """The samples of one producer and epoch in one batch, each identity once.

    Attributes:
        producer: Name of the producer.
        epoch: Its start, µs since 1970.
        samples: Its samples, ascending by sequence number where the batch was not in order.
        runs: `[low, high]` intervals of sequence numbers, ascending, disjoint, not touching.
    """

    producer: str
    epoch: int
    samples: list[Sample]
    runs: list[list[int]]


def is_one_run(samples: list[Sample]) -> bool:
    """Whether all samples are one run of one producer and epoch, in order."""
    first = samples[0]
    if len(samples) == 1:
        return True
    producer, epoch = first.producer, first.epoch
    expected = first.seq
    for sample in samples:
        if sample.seq != expected or sample.epoch != epoch or sample.producer != producer:
            return False
        expected += 1
    return True


def split_runs(samples: list[Sample]) -> tuple[list[ProducerRuns], int]:
    """Group samples by producer and epoch, each identity once.

    Args:
        samples: At least one sample.

    Returns:
        The groups in order of first appearance, and how many samples repeated an identity of the same list.
    """
    if is_one_run(samples):
        first = samples[0]
        return [ProducerRuns(first.producer, first.epoch, samples, [[first.seq, samples[-1].seq]])], 0
    groups: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        key = (sample.producer, sample.epoch)
        if key in groups:
            groups[key].append(sample)
        else:
            groups[key] = [sample]
    found, repeats = [], 0
    for (producer, epoch), members in groups.items():
        runs = _runs_in_order(members)
        if runs is None:
            unique = {
                sample.seq: sample for sample in reversed(members)
            }  # reversed: the first one sent is kept
            repeats += len(members) - len(unique)
            members = [unique[seq] for seq in sorted(unique)]
            runs = _runs_in_order(members) or []
        found.append(ProducerRuns(producer, epoch, members, runs))
    return found, repeats


def _runs_in_order(samples: list[Sample]) -> list[list[int]] | None:
    """The runs of samples that ascend strictly; None where they do not."""
    runs = [[samples[0].seq, samples[0].seq]]
    last = runs[0]
    for sample in samples[1:]:
        seq = sample.seq
        if seq == last[1] + 1:
            last[1] = seq
        elif seq > last[1]:
            last = [seq, seq]
            runs.append(last)
        else:
            return None
    return runs

"""The oracle: what a pipeline's windows must hold, worked out anew from the producers' own log.

It believes nobody and shares nothing with what it judges: Python's own `json`, whole numbers and fractions,
dictionaries and lists; no merging, no running sum, no sum of floats. From a pipeline it takes one thing, its claim of
which identities are processed. Of these it looks up the readings in the log and says what must follow:

* every claimed identity was made by a producer;
* `last` is the newest of them, and each kept window holds count, minimum, maximum and sum of exactly those in it;
* `late` and `future` as they come out when samples arrive in the order of the log.

Two of these depend on more than the samples: which one is late depends on the order of arrival, which one is from the
future on the moment of arrival. Where a pipeline's figure differs and another order, or moment, explains it, the
finding says so; where none can, it is wrong.

Meant for a lab that is drained: a figure that still moves cannot be held against another. The log is read once, line by
line; of each producer only the windows that may still be kept are held in memory.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

WINDOW_US: Final = 10_000_000
WINDOWS_KEPT: Final = 3
FUTURE_US: Final = 5_000_000
PERCENTS: Final = ("cpu_percent", "memory_percent", "disk_percent")
RATES: Final = ("net_rx_bytes_per_s", "net_tx_bytes_per_s")
MOST_SUM: Final = 2**53
PERCENT_PARTS: Final = 2**20
"""What the documents promise of sums: percentages to 2^-20, rates in whole bytes, at most 2^53."""

Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison.

    Attributes:
        text: What was compared.
        expected: By the oracle.
        found: By the pipeline.
        why: What explains a difference; empty where nothing does.
    """

    text: str
    expected: Any
    found: Any
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is equal or explained."""
        return self.expected == self.found or bool(self.why)

    def as_line(self) -> str:
        """For people."""
        if self.expected == self.found:
            return f"{self.text}: {self.found}, as it must be"
        said = f"{self.text}: must be {self.expected}, is {self.found}"
        return f"{said}; {self.why}" if self.why else said


class _Claim:
    """The identities that a pipeline says it has processed, of one producer and epoch."""

    def __init__(self, intervals: list[list[int]]) -> None:
        self._lows = [low for low, _ in intervals]
        self._highs = [high for _, high in intervals]
        self.size = sum(high - low + 1 for low, high in intervals)

    def holds(self, seq: int) -> bool:
        place = bisect_right(self._lows, seq) - 1
        return place >= 0 and seq <= self._highs[place]


class _Outcome:
    """What the samples of one producer amount to, taken one by one in the order of the log."""

    def __init__(self) -> None:
        self.late = 0
        self._newest = -1
        self._last: Sample | None = None
        self._members: dict[int, list[Sample]] = {}
        self._by_window: Counter[int] = Counter()

    def take(self, sample: Sample) -> None:
        index = sample["sampled_at_us"] // WINDOW_US
        self._by_window[index] += 1
        if self._last is None or _age(sample) > _age(self._last):
            self._last = sample
        if self._newest >= 0 and index <= self._newest - WINDOWS_KEPT:
            self.late += 1
            return
        self._members.setdefault(index, []).append(sample)
        if index > self._newest:
            self._newest = index
            for old in [kept for kept in self._members if kept <= index - WINDOWS_KEPT]:
                del self._members[old]

    @property
    def most_late(self) -> int:
        """How many are late in the worst order: all whose window is not kept in the end."""
        return sum(n for index, n in self._by_window.items() if index <= self._newest - WINDOWS_KEPT)

    def expected(self) -> dict[str, Any]:
        """The producer's part of `/v1/windows`."""
        return {
            "last": self._last,
            "windows": [_window(index, self._members[index]) for index in sorted(self._members)],
        }


class _Producer:
    """Two outcomes: with the samples of which only their arrival could tell whether they were from the future, and
    without these."""

    def __init__(self) -> None:
        self.all = _Outcome()
        self.sure = _Outcome()
        self.doubts = 0

    def take(self, sample: Sample, in_doubt: bool) -> None:
        self.all.take(sample)
        if in_doubt:
            self.doubts += 1
        else:
            self.sure.take(sample)


def read_log(folder: Path) -> Iterator[bytes]:
    """The lines of a run's log, in its order.

    Raises:
        OSError: A file cannot be read.
    """
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            yield from file


def judge(
    lines: Iterable[bytes], ledger: Mapping[str, Any], windows: Mapping[str, Any], now_us: int
) -> list[Finding]:
    """Hold a pipeline against the log.

    Args:
        lines: The log. A line that is no sample was torn when the fleet was killed, and never offered.
        ledger: The pipeline's `GET /v1/ledger`.
        windows: Its `GET /v1/windows`.
        now_us: When these were asked for. A sample stamped later than `FUTURE_US` after that was from the future for
            sure.

    Returns:
        What holds over all producers, then what is wrong with single ones.
    """
    claims = {
        name: {int(epoch): _Claim(intervals) for epoch, intervals in epochs.items()}
        for name, epochs in ledger["producers"].items()
    }
    producers: dict[str, _Producer] = {}
    found = future = 0
    for sample, ahead in _samples(lines):
        name = sample["producer"]
        producer = producers.setdefault(name, _Producer())
        claim = claims.get(name, {}).get(sample["epoch"])
        if claim is None or not claim.holds(sample["seq"]):
            continue
        found += 1
        if sample["sampled_at_us"] > now_us + FUTURE_US:
            future += 1
        else:
            producer.take(sample, ahead)
    ours = sum(claim.size for name in producers for claim in claims.get(name, {}).values())
    wrong = [
        finding
        for name, producer in sorted(producers.items())
        if (finding := _wrong_windows(name, windows["producers"].get(name), producer))
    ]
    strangers = sorted(claims.keys() - producers.keys())
    late = sum(producer.all.late for producer in producers.values())
    most_late = sum(producer.all.most_late for producer in producers.values())
    doubts = sum(producer.doubts for producer in producers.values())
    totals = ledger["totals"]
    return [
        Finding("processed samples found in the producers' log", ours, found),
        Finding("producers with exact windows", len(producers), len(producers) - len(wrong)),
        Finding("late", late, totals["late"], _why_late(totals["late"], most_late, strangers)),
        Finding("future", future, totals["future"], _why_future(totals["future"], future, doubts, strangers)),
        *wrong,
    ]


def _samples(lines: Iterable[bytes]) -> Iterator[tuple[Sample, bool]]:
    """The samples, and whether each is stamped over `FUTURE_US` later than what another producer wrote before it."""
    latest: dict[str, int] = {}  # the last stamp of each producer, the youngest entry last
    for line in lines:
        try:
            sample = json.loads(line)
            name, stamp = sample["producer"], sample["sampled_at_us"]
        except (ValueError, KeyError, TypeError):
            continue
        before = next((latest[other] for other in reversed(latest) if other != name), stamp)
        latest.pop(name, None)
        latest[name] = stamp
        yield sample, stamp > before + FUTURE_US


def _wrong_windows(name: str, kept: Mapping[str, Any] | None, producer: _Producer) -> Finding | None:
    found = (
        {"last": None, "windows": []} if kept is None else {"last": kept["last"], "windows": kept["windows"]}
    )
    expected = producer.all.expected()
    if found == expected or (producer.doubts and found == producer.sure.expected()):
        return None
    return Finding(f"windows of {name}", expected, found)


def _age(sample: Sample) -> tuple[int, int, int]:
    return sample["sampled_at_us"], sample["epoch"], sample["seq"]


def _window(index: int, samples: list[Sample]) -> dict[str, Any]:
    columns = [[sample[metric] for sample in samples] for metric in PERCENTS + RATES]
    percents, rates = columns[: len(PERCENTS)], columns[len(PERCENTS) :]
    return {
        "index": index,
        "n": len(samples),
        "min": [min(column) for column in columns],
        "max": [max(column) for column in columns],
        "sum": [
            *(sum(round(Fraction(reading) * PERCENT_PARTS) for reading in column) for column in percents),
            *(min(MOST_SUM, sum(int(reading) for reading in column)) for column in rates),
        ],
    }


def _why_late(found: int, most: int, strangers: list[str]) -> str:
    if found <= most:
        return f"another order of arrival than that of the log explains 0 to {most}"
    return _by_strangers(strangers)


def _why_future(found: int, sure: int, doubts: int, strangers: list[str]) -> str:
    if sure <= found <= sure + doubts:
        return f"{doubts} more were stamped ahead, and whether too far only the moment of their arrival could tell"
    return _by_strangers(strangers) if found > sure else ""


def _by_strangers(names: list[str]) -> str:
    return f"producers that are not in the log sent samples, too ({', '.join(names[:3])})" if names else ""

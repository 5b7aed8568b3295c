"""Window summaries: samples in, count and minimum, maximum and sum per metric out.

`Summary.merge` is associative and commutative to the last bit, so it does not matter in which pieces, by which worker
or in which order samples arrive. Sums of floats are not associative by themselves; they are here because

* a percentage enters a sum rounded to a multiple of 2^-20 %, where float64 addition is exact up to 2^33, and
* a rate enters as whole bytes per second, and the sum saturates at 2^53 (saturating addition is associative too).

The cost is an error of at most 5e-7 percentage points, or 1 byte/s, in a mean. Minimum and maximum are exact.
Lua's numbers are float64 as well, so pipeline A merges in Redis and gets the same bits.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from metrics_core.limits import MAX_EXACT_INTEGER, WINDOW_US, WINDOWS_KEPT
from metrics_core.sample import METRICS, Sample

_GRID: Final = 1.5 * 2**32
"""Adding it and taking it away again rounds a float64 in [0, 2^31) to a multiple of 2^-20."""

_SATURATED: Final = float(MAX_EXACT_INTEGER)


class Summary(Struct, array_like=True, gc=False):
    """What the samples of one producer in one window amount to. On the wire: `[index, n, [min…], [max…], [sum…]]`.

    Attributes:
        index: Number of the window; it starts at `index * WINDOW_US`.
        n: Samples in it.
        lows: Minimum of each metric, in the order of `METRICS`.
        highs: Maximum of each metric.
        sums: Sum of each metric, rounded and saturated as the module's text says.
    """

    index: int
    n: int
    lows: list[float]
    highs: list[float]
    sums: list[float]

    def merge(self, other: Summary) -> None:
        """Add another summary of the same window to this one."""
        self.n += other.n
        self.lows = list(map(min, self.lows, other.lows))
        self.highs = list(map(max, self.highs, other.highs))
        self.sums = [min(a + b, _SATURATED) for a, b in zip(self.sums, other.sums, strict=True)]

    def as_window(self) -> dict[str, Any]:
        """The `window` of a producer in a feed snapshot; means are computed here and nowhere else."""
        window: dict[str, Any] = {"start_us": self.index * WINDOW_US, "window_s": WINDOW_US / 1e6}
        for position, metric in enumerate(METRICS):
            window[metric] = {
                "min": self.lows[position],
                "mean": round(
                    self.sums[position] / self.n, 5
                ),  # finer digits would show the grid, not the data
                "max": self.highs[position],
                "n": self.n,
            }
        return window


def _summarize_window(index: int, samples: list[Sample]) -> Summary:
    grid = _GRID
    cpu = [s.cpu_percent for s in samples]
    memory = [s.memory_percent for s in samples]
    disk = [s.disk_percent for s in samples]
    received = [s.net_rx_bytes_per_s for s in samples]
    sent = [s.net_tx_bytes_per_s for s in samples]
    return Summary(
        index,
        len(samples),
        # + 0.0: JSON knows 5, 5.0 and -0.0; one float each, so that no order of merging shows
        [min(cpu) + 0.0, min(memory) + 0.0, min(disk) + 0.0, min(received) + 0.0, min(sent) + 0.0],
        [max(cpu) + 0.0, max(memory) + 0.0, max(disk) + 0.0, max(received) + 0.0, max(sent) + 0.0],
        [
            sum([(x + grid) - grid for x in cpu]),
            sum([(x + grid) - grid for x in memory]),
            sum([(x + grid) - grid for x in disk]),
            min(sum(map(int, received)), MAX_EXACT_INTEGER) + 0.0,
            min(sum(map(int, sent)), MAX_EXACT_INTEGER) + 0.0,
        ],
    )


def summarize(samples: list[Sample], times: list[int]) -> list[Summary]:
    """Fold samples of one producer into one summary per tumbling window, oldest window first.

    Args:
        samples: At least one sample, in any order. It is worked on column by column, which takes about half the
            time of sample by sample.
        times: Their `sampled_at_us`; callers have this column at hand.
    """
    oldest, latest = min(times) // WINDOW_US, max(times) // WINDOW_US
    if oldest == latest:
        return [_summarize_window(oldest, samples)]
    windows: dict[int, list[Sample]] = {}
    for sample in samples:
        windows.setdefault(sample.sampled_at_us // WINDOW_US, []).append(sample)
    return [_summarize_window(index, windows[index]) for index in sorted(windows)]


def newest(samples: list[Sample], times: list[int]) -> Sample:
    """The sample taken last; where several were taken at that moment, the one with the largest epoch and number.

    So the answer depends on the samples alone, not on the order or the pieces in which they came.
    """
    taken = max(times)
    if times.count(taken) == 1:
        return samples[times.index(taken)]
    last = [s for s in samples if s.sampled_at_us == taken]
    if len({s.epoch for s in last}) > 1:
        return max(last, key=rank)
    numbers = [s.seq for s in last]
    return last[numbers.index(max(numbers))]


def rank(sample: Sample) -> tuple[int, int, int]:
    """What orders the samples of one producer in time."""
    return sample.sampled_at_us, sample.epoch, sample.seq


class Windows:
    """The newest windows of one producer: a bounded stretch of time, `WINDOWS_KEPT` tumbling windows long.

    Pipeline A keeps the same thing in Redis; `store.lua` mirrors `add` line by line, and a contract test holds both
    to the same results.
    """

    __slots__ = ("summaries",)

    def __init__(self) -> None:
        self.summaries: list[Summary] = []  # ascending by index, the newest last

    def add(self, summary: Summary) -> int:
        """Merge a summary into its window.

        Returns:
            How many samples came too late: their window is older than those kept. 0 in all other cases.
        """
        kept = self.summaries
        for position in range(len(kept) - 1, -1, -1):
            if kept[position].index == summary.index:
                kept[position].merge(summary)
                return 0
            if kept[position].index < summary.index:
                kept.insert(position + 1, summary)
                break
        else:
            if kept and summary.index <= kept[-1].index - WINDOWS_KEPT:
                return summary.n
            kept.insert(0, summary)
        while kept[0].index <= kept[-1].index - WINDOWS_KEPT:
            del kept[0]
        return 0

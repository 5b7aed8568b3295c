"""Small runs whose parts agree, made from one letter per sample; no lab, no clock.

Letters: `a` acked and processed, `l` acked and lost, `j` rejected, `f` refused, `u` unanswered and gone,
`p` unanswered but processed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from load_tests.runs.checks import quantiles_of
from load_tests.runs.folder import SavedRun, create, write_comparison, write_run
from load_tests.runs.schema import (
    Clock,
    Comparison,
    Cost,
    Counts,
    Event,
    FigureVerdict,
    Generator,
    Intervals,
    Machine,
    Pair,
    Plan,
    ProcessCost,
    Ratio,
    Run,
    Series,
    Setup,
    Wire,
)
from metrics_core.histogram import Histogram
from metrics_core.intervals import IntervalSet

EPOCH: Final = "1766200000123456"
STARTED_AT_US: Final = 1_766_200_000_000_000
LETTERS: Final = "aljfup"


def named(fates: str, letters: str) -> Intervals:
    """The samples with one of these letters, as a ledger: even ones are of `load-0`, odd ones of `load-1`."""
    found: Intervals = {}
    for number in (0, 1):
        own = fates[number::2]
        sequence = IntervalSet((seq, seq) for seq, fate in enumerate(own) if fate in letters)
        if len(sequence):
            found[f"load-{number}"] = {EPOCH: sequence.as_lists()}
    return found


def small_run(fates: str = "a" * 90 + "lljfup", **changes: Any) -> SavedRun:
    """A run; `changes` are fields of `Run` that are replaced (or made, where it is a function of the run)."""
    acked, processed = (sum(fates.count(letter) for letter in letters) for letters in ("al", "ap"))
    histograms = {name: Histogram() for name in ("accepted", "accepted_uncorrected", "processed", "lateness")}
    for number in range(acked):
        histograms["accepted"].add(900 + 37 * number)
        histograms["accepted_uncorrected"].add(700 + number)
    for number in range(processed):
        histograms["processed"].add(1500 + 91 * number)
    for number in range(len(fates)):
        histograms["lateness"].add(number)
    counts = Counts(
        len(fates), acked, fates.count("j"), fates.count("f"), fates.count("u") + fates.count("p"), processed,
        fates.count("l"), 3, 0,
    )  # fmt: skip
    run = Run(
        id="small",
        started_at_us=STARTED_AT_US,
        status="complete",
        reasons=[],
        plan=Plan("http1", "http1", "redis", 48.0, 1, 2, "steady", "poisson", 2.0, 1.0, 7),
        setup=Setup(
            "on disk", "always", 2, 1, 5, "none", False, "HTTP/1.1", "this folder", "abc1234", True, 0.0, {}
        ),
        machine=Machine("0123456789", "a cpu", 2, 8_000_000_000, "Linux 6", "3.11.7"),
        counts=counts,
        missing=named(fates, "l"),
        clocks={
            "accepted": Clock(
                quantiles_of(histograms["accepted"]), quantiles_of(histograms["accepted_uncorrected"])
            ),
            "processed": Clock(quantiles_of(histograms["processed"])),
        },
        cost=Cost(
            3.0, [ProcessCost("ingest", 0.5, 0.1, 40_000_000, 10, 2)], Wire(1, 2, 3, 4, 5, 2, "TCP_INFO")
        ),
        generator=Generator(12.0, 12.0, 0.1, 0.4, 1.0, 80.0, len(fates), 0),
        events=[Event(-0.5, "warm-up ended")],
    )
    for name, value in changes.items():
        setattr(run, name, value(run) if callable(value) else value)
    latency: list[float | None] = [1.5, None, 2.5]
    series = Series(
        t_s=[1.0, 2.0, 3.0], created_per_s=[48.0, 48.0, 0.0], acked_per_s=[48.0, 48.0, 0.0],
        refused_per_s=[0.0] * 3, processed_per_s=[48.0, 40.0, 8.0],
        accepted_p50_ms=latency, accepted_p99_ms=latency, processed_p50_ms=latency, processed_p99_ms=latency,
        visible_p50_ms=latency, visible_p99_ms=latency, backlog=[0.0, 1.0, None],
        cpu_percent={"ingest": [1.0, 2.0, None]}, rss_bytes={"ingest": [4e7, 4e7, None]},
    )  # fmt: skip
    ledger = {
        "created": named(fates, LETTERS),
        "acked": named(fates, "al"),
        "rejected": named(fates, "j"),
        "processed": named(fates, "ap"),
    }
    return SavedRun(Path("small"), run, histograms, series, ledger)


def replaced(part: str, **fields: Any) -> Callable[[Run], Any]:
    """A change for `small_run`: the part of this name with some fields replaced."""
    return lambda run: msgspec.structs.replace(getattr(run, part), **fields)


def put(results: Path, name: str, saved: SavedRun | None = None, **changes: Any) -> Path:
    """A run in a results folder."""
    saved = saved or small_run(**changes)
    folder = create(results, name)
    write_run(folder, saved.run, saved.histograms, saved.series, saved.ledger)
    return folder


def put_comparison(results: Path, name: str = "20261120-100000-compare-abc", **last: Any) -> Path:
    """A comparison of two arms with two blocks each and one A/A block; `last` plants something in the last block."""
    folder = create(results, name)
    names = {"http1": ["02-http1", "05-http1"], "http2": ["03-http2", "04-http2"]}
    for block in ("01-http1", "02-http1", "03-http2", "04-http2", "05-http1"):
        put(folder / "blocks", block, **(last if block == "05-http1" else {}))
    verdict = FigureVerdict("processed_p50", 1.0, 1.1, Ratio(1.1, 1.05, 1.15), 1.02, "worse", "slower")
    pair = Pair("http1", "http2", [verdict], [], "only the protocol differs", attributable=True)
    comparison = Comparison(
        name, STARTED_AT_US + 5, STARTED_AT_US + 9, "complete", ["a warning"], ["http1", "http2"], names,
        ["http1", "http2", "http2", "http1"], ["01-http1"], True, 1, 7, 0.95, [pair], [], "python3 lab.py compare",
    )  # fmt: skip
    write_comparison(folder, comparison)
    return folder

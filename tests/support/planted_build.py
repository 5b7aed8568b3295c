"""Copies of the lab's code with one planted fault each, to be measured as an arm (`websocket@FOLDER`).

Each fault is one patched line in a copy; the line must be there exactly once, so that a fault which no longer fits the
code fails its test instead of planting nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from tests.support.child import ROOT

PACKAGES: Final = (
    "metrics_core",
    "lab_runtime",
    "pipeline_http_redis",
    "pipeline_websocket",
    "load_tests",
)
Part = Literal["ingest", "worker", "websocket"]
"""A process of pipeline A, or pipeline B."""
Identity = tuple[str, int]
"""Producer and sequence number (its epoch is not known before a run)."""

_BURN: Final = '''
import time

_before_ns = None


def burn(share):
    """Use `share` of the processor time that this thread used since the last call, once more."""
    global _before_ns
    now_ns = time.thread_time_ns()
    if _before_ns is not None:
        until_ns = now_ns + int((now_ns - _before_ns) * share)
        while now_ns < until_ns:
            now_ns = time.thread_time_ns()
    _before_ns = now_ns
'''

# File, line, and what is put before it for each batch: where a batch is in hand and not applied yet.
_BATCH_IN_HAND: Final[dict[Part, tuple[str, str]]] = {
    "ingest": (
        "pipeline_http_redis/ingest.py",
        "            await self._sink.accept(Batch(body, samples, trace))\n",
    ),
    "worker": ("pipeline_http_redis/jobs.py", "    body = applier.body(batch_id)\n"),
    "websocket": ("pipeline_websocket/memory_side.py", "        self._add(batch.samples, now_us())\n"),
}


def copy_of_the_lab(folder: Path) -> Path:
    """The code that a rig runs, copied into `folder`; nothing is planted yet. Gives `folder`."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=shutil.ignore_patterns("__pycache__", "results"),
        )
    return folder


def patch(build: Path, file: str, line: str, instead: str) -> None:
    """Replace what stands exactly once in a file of a copy.

    Raises:
        AssertionError: It does not stand there once: the code has changed.
    """
    path = build / file
    text = path.read_text()
    assert text.count(line) == 1, f"{file} has {text.count(line)} times: {line!r}"
    path.write_text(text.replace(line, instead))


def losing_build(folder: Path, part: Part, lost: Iterable[Identity]) -> Path:
    """A copy that acknowledges some samples and drops them: its aggregator (`websocket`), or its workers (`worker`)."""
    build = copy_of_the_lab(folder)
    unwanted = f"{set(lost)!r}"
    if part == "websocket":
        file, line = _BATCH_IN_HAND[part]
        kept = f"[s for s in batch.samples if (s.producer, s.seq) not in {unwanted}]"
        patch(
            build,
            file,
            line,
            f"        kept = {kept}\n        if kept:\n            self._add(kept, now_us())\n",
        )
        return build
    assert part == "worker", part
    patch(
        build,
        "pipeline_http_redis/jobs.py",
        "    groups, duplicates = split_runs(decode_group(body)) if body is not None else ([], 0)\n",
        f"    kept = [s for s in (decode_group(body) if body else ()) if (s.producer, s.seq) not in {unwanted}]\n"
        "    groups, duplicates = split_runs(kept) if kept else ([], 0)\n",
    )
    return build


def doubling_build(folder: Path, part: Part, every: int) -> Path:
    """A copy in which batches whose first number is divisible by `every` are taken twice, as after a lost reply."""
    assert part != "worker", part
    build = copy_of_the_lab(folder)
    file, line = _BATCH_IN_HAND[part]
    indent = line[: len(line) - len(line.lstrip())]
    samples = "samples" if part == "ingest" else "batch.samples"
    patch(build, file, line, f"{line}{indent}if {samples}[0].seq % {every} == 0:\n    {line}")
    return build


def slow_build(folder: Path, percent: float, *parts: Part) -> Path:
    """A copy in which everything that some processes do costs `percent` % more processor time.

    With each batch, before it is applied, a process burns that share of what its main thread has used since the batch
    before: decoding, answering, snapshots, all of it. So both its bill and its clocks carry the slow-down.
    """
    build = copy_of_the_lab(folder)
    (build / "lab_runtime" / "planted.py").write_text(_BURN)
    for part in parts:
        file, line = _BATCH_IN_HAND[part]
        indent = line[: len(line) - len(line.lstrip())]
        patch(
            build,
            file,
            line,
            f"{indent}from lab_runtime.planted import burn\n{indent}burn({percent / 100!r})\n{line}",
        )
    return build

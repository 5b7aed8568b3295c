"""Publishing: what is written, and that all of it can be made again out of the archives alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from load_tests import publish as publishing
from load_tests.comparison.blocks import Design, run
from load_tests.comparison.existing import compare_existing
from load_tests.measure import Load
from load_tests.publish import document, in_order, publish
from load_tests.reports import write
from load_tests.reports.pictures import PICTURES
from load_tests.runs.archive import import_archive
from load_tests.runs.folder import (
    SavedComparison,
    create,
    read_comparison,
    read_run,
    write_comparison,
    write_run,
)
from load_tests.target.arm import parse_arms
from metrics_core.errors import LabError
from tests.support.saved_runs import make_run
from tests.unit.load_tests.comparison.faked_measure import Faked, fake_processes


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second, and is tested elsewhere."""
    monkeypatch.setattr(write, "PICTURES", dict.fromkeys(PICTURES, lambda report: b"a picture"))


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Faked:
    return fake_processes(monkeypatch)


def compared(results: Path, arms: str, started_at_us: int) -> SavedComparison:
    design = Design(3, 1, Load(duration_s=2.0), 0.95)
    command = f"python3 lab.py compare --run {arms}"
    chosen = parse_arms(arms.split(","))
    saved = run(chosen, design, results, command, lambda what: lambda said: None, lambda: None)
    saved.comparison.started_at_us = started_at_us
    write_comparison(saved.path, saved.comparison)
    return read_comparison(saved.path)


@pytest.fixture
def saved(faked: Faked, tmp_path: Path) -> list[SavedComparison]:
    """Two comparisons, the younger one first."""
    results = tmp_path / "results"
    later, earlier = 1_766_200_002_000_000, 1_766_200_001_000_000
    return [compared(results, "http1,http2", later), compared(results, "http1,websocket", earlier)]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def again(docs: Path, elsewhere: Path) -> str:
    """The document, made of nothing but the archives."""
    archives = sorted((docs / "reports").glob("*.labrun"))
    return document(in_order(read_comparison(import_archive(each, elsewhere).path) for each in archives))


def test_the_document_can_be_made_again_from_the_archives(
    saved: list[SavedComparison], docs: Path, tmp_path: Path
) -> None:
    publish(saved, docs)
    assert (docs / "performance-results.md").read_text() == again(docs, tmp_path / "elsewhere")


def test_so_can_that_of_runs_which_were_not_interleaved(docs: Path, tmp_path: Path) -> None:
    runs = []
    for number, arm in enumerate(("http1", "websocket"), 1):
        made = make_run(arm, number=number, duration_s=30)
        folder = create(tmp_path / "results", made.run.id)
        write_run(folder, made.run, made.histograms, made.series, made.ledger)
        runs.append(read_run(folder))
    publish([compare_existing(runs, tmp_path / "results", 0.95, 1, "the command")], docs)
    assert (docs / "performance-results.md").read_text() == again(docs, tmp_path / "elsewhere")


def test_older_comparisons_come_first_whatever_the_order_given(
    saved: list[SavedComparison], docs: Path
) -> None:
    publish(saved, docs)
    first = (docs / "performance-results.md").read_bytes()
    publish(saved[::-1], docs)
    assert (docs / "performance-results.md").read_bytes() == first
    titles = [line for line in first.decode().splitlines() if line.startswith("## ") and "http1" in line]
    assert ["websocket" in title for title in titles] == [True, False], titles


def test_every_file_that_it_names_is_there(saved: list[SavedComparison], docs: Path) -> None:
    written = publish(saved, docs)
    assert all(path.is_file() for path in written)
    assert written[0] == docs / "performance-results.md"
    assert {path.relative_to(docs / "reports").parts[0] for path in written[1:]} == {
        name for each in saved for name in (each.comparison.id, f"{each.comparison.id}.labrun")
    }
    linked = re.findall(r"\]\(([^)]+)\)", written[0].read_text())
    assert linked
    assert all((docs / link).is_file() for link in linked if "://" not in link)


def test_publishing_again_leaves_nothing_temporary(saved: list[SavedComparison], docs: Path) -> None:
    publish(saved, docs)
    before = {path: path.read_bytes() for path in docs.rglob("*") if path.suffix in (".labrun", ".md")}
    publish(saved, docs)
    after = {path: path.read_bytes() for path in docs.rglob("*") if path.suffix in (".labrun", ".md")}
    assert after == before
    assert not [path for path in docs.rglob("*") if path.name.startswith(".")]


def test_a_comparison_named_twice_is_refused(saved: list[SavedComparison], docs: Path) -> None:
    with pytest.raises(LabError, match="named twice"):
        publish([saved[0], saved[1], saved[0]], docs)
    assert list(docs.iterdir()) == []


def test_an_archive_that_cannot_be_made_leaves_the_old_one_and_the_old_document(
    saved: list[SavedComparison], docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(saved[:1], docs)
    before = {path: path.read_bytes() for path in docs.rglob("*") if path.suffix in (".labrun", ".md")}

    def fail(*_: Any) -> Path:
        raise LabError("no room")

    monkeypatch.setattr(publishing, "export", fail)
    with pytest.raises(LabError, match="no room"):
        publish(saved, docs)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("names", [["performance-results.md"], ["reports"]])
def test_a_folder_that_cannot_take_it_is_one_sentence(
    saved: list[SavedComparison], docs: Path, names: Sequence[str]
) -> None:
    for name in names:
        if name == "reports":
            (docs / name).write_text("a file")
        else:
            (docs / name).mkdir()
    with pytest.raises(LabError, match=r"cannot publish there|cannot be written"):
        publish(saved, docs)

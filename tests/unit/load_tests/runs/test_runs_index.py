"""The index is a cache: whatever becomes of it, the list is that of the folders."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from load_tests.runs import index
from load_tests.runs.folder import read
from load_tests.runs.index import INDEX, Listing, list_runs
from tests.unit.load_tests.runs.small_runs import STARTED_AT_US, put, put_comparison


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the folders that are really read."""
    found: list[str] = []

    def counted(folder: Path) -> object:
        found.append(folder.name)
        return read(folder)

    monkeypatch.setattr(index, "read", counted)
    return found


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two runs, one of them with losses, and a comparison with losses in one block."""
    put(tmp_path, "old", fates="aaaa", started_at_us=STARTED_AT_US - 1)
    put(tmp_path, "new")
    put_comparison(tmp_path, "both", fates="all")
    return tmp_path


def ids(listing: Listing) -> list[str]:
    return [entry.id for entry in listing.entries]


def test_the_list_is_newest_first_with_what_matters(results: Path) -> None:
    listing = list_runs(results)
    assert ids(listing) == ["both", "new", "old"]
    assert listing.problems == []
    both, new, old = listing.entries
    assert (both.kind, both.arms, both.lost, both.figures) == (
        "comparison",
        ["http1", "http2"],
        2 + 4 * 2,
        {},
    )
    assert (new.kind, new.arms, new.lost, new.status) == ("run", ["http1"], 2, "complete")
    assert (new.rate_per_s, new.duration_s, new.batch, new.seed) == (48.0, 2.0, 1, 7)
    assert (new.machine, new.revision, new.path) == ("0123456789", "abc1234", str(results / "new"))
    assert new.figures["memory"] == 40.0
    assert "visible_p50" not in new.figures
    assert old.lost == 0


def test_a_second_list_reads_no_folder_again(results: Path, reads: list[str]) -> None:
    first = list_runs(results)
    assert sorted(reads) == ["both", "new", "old"]
    reads.clear()
    assert list_runs(results) == first
    assert reads == []


def test_folders_added_removed_and_changed_by_hand_are_noticed(results: Path, reads: list[str]) -> None:
    list_runs(results)
    shutil.copytree(results / "old", results / "copy")
    shutil.rmtree(results / "new")
    reads.clear()
    assert ids(list_runs(results)) == ["both", "old", "copy"]
    assert reads == ["copy"]
    (results / "old" / "ledger.json").write_text("{}")
    listing = list_runs(results)
    assert ids(listing) == ["both", "copy"]
    assert "ledger.json is not as it was written" in listing.problems[0]
    with (results / "both" / "blocks" / "03-http2" / "series.json").open("ab") as file:
        file.write(b" ")
    assert ids(list_runs(results)) == ["copy"]


def test_what_cannot_be_read_is_told_until_it_can(results: Path) -> None:
    (results / "unfinished").mkdir()
    (results / "old" / "run.json").rename(results / "aside")
    assert len(list_runs(results).problems) == 2
    (results / "aside").rename(results / "old" / "run.json")
    (problem,) = list_runs(results).problems
    assert "unfinished has no run.json" in problem


def test_a_missing_results_folder_is_an_empty_list(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == Listing([], [])
    assert not (tmp_path / "none").exists()


def test_an_index_damaged_anywhere_changes_no_figure(results: Path) -> None:
    wanted = list_runs(results)
    content = (results / INDEX).read_bytes()
    chance = random.Random(3)
    damaged = [content[: len(content) * tenth // 10] for tenth in range(10)]
    damaged += [b"not a database at all" * 1000, b""]
    for _ in range(60):
        flipped = bytearray(content)
        for _ in range(8):
            flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        damaged.append(bytes(flipped))
    for each in damaged:
        (results / INDEX).write_bytes(each)
        assert list_runs(results) == wanted
    assert list_runs(results) == wanted


def test_a_row_that_was_changed_is_not_believed(results: Path) -> None:
    wanted = list_runs(results)
    with sqlite3.connect(results / INDEX) as connection:
        connection.execute("UPDATE runs SET lost = 0, figures = '{}'")
    connection.close()
    assert list_runs(results) == wanted


def test_an_index_of_another_version_is_made_anew(
    results: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "VERSION", index.VERSION - 1)
    wanted = list_runs(results)
    monkeypatch.setattr(index, "VERSION", index.VERSION + 1)
    with sqlite3.connect(results / INDEX) as connection:
        connection.execute("ALTER TABLE runs RENAME COLUMN lost TO found")
    connection.close()
    assert list_runs(results) == wanted
    reads.clear()
    assert list_runs(results) == wanted
    assert reads == []


def test_a_folder_in_its_place_costs_the_cache_not_the_list(results: Path) -> None:
    (results / INDEX).mkdir()
    assert ids(list_runs(results)) == ["both", "new", "old"]


def test_an_index_in_use_for_too_long_costs_the_cache_not_the_list(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_runs(results)
    monkeypatch.setattr(index, "BUSY_S", 0.01)
    holder = sqlite3.connect(results / INDEX, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        put(results, "third")
        assert "third" in ids(list_runs(results))
    finally:
        holder.close()


def test_lists_at_the_same_time_agree(results: Path) -> None:
    wanted = ids(list_runs(results))
    (results / INDEX).unlink()
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(ids(list_runs(results)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 6


def test_the_index_is_the_only_thing_written(results: Path) -> None:
    before = set(results.rglob("*"))
    list_runs(results)
    assert set(results.rglob("*")) - before == {results / INDEX}
    assert (results / INDEX).stat().st_size > 0

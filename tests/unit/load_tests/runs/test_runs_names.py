"""Names sort by age, fit into a folder, and are found by what users type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.runs import names
from load_tests.runs.files import RunNotWritten, RunUnreadable
from load_tests.runs.names import MADE_HERE, NAME, create, kind_of, new_id, resolve
from tests.unit.load_tests.runs.small_runs import STARTED_AT_US, put, put_comparison

NOW = datetime(2026, 11, 20, 9, 30, 12, tzinfo=UTC)


def test_a_name_says_when_and_what() -> None:
    assert new_id("http1", NOW).startswith("20261120-093012-http1-")
    assert len(new_id("http1", NOW)) == len("20261120-093012-http1-a3f")


@given(prefix=st.text(max_size=200), later_s=st.integers(1, 10**8))
def test_every_name_fits_and_names_sort_by_age(prefix: str, later_s: int) -> None:
    first, second = new_id(prefix, NOW), new_id(prefix, NOW + timedelta(seconds=later_s))
    assert first < second
    assert NAME.fullmatch(first)
    assert MADE_HERE.match(first)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    assert create(tmp_path / "results", "one").is_dir()
    with pytest.raises(RunNotWritten, match="exists already"):
        create(tmp_path / "results", "one")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunNotWritten, match="is not a folder"):
        create(tmp_path / "file", "one")
    with pytest.raises(RunNotWritten, match="cannot take a new run"):
        create(tmp_path / "file" / "below", "one")
    for name in ("", "..", "a/b", ".hidden", "a b", "x" * 200, "a\n"):
        with pytest.raises(RunNotWritten, match="cannot be a run's name"):
            create(tmp_path, name)


def test_a_run_is_found_by_name_beginning_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = put(tmp_path, "20260101-000000-http1-aaa"), put(tmp_path, "20260102-000000-http1-bbb")
    assert resolve(first.name, tmp_path) == first
    assert resolve("20260102", tmp_path) == second
    assert resolve(str(second), tmp_path / "elsewhere") == second
    assert resolve(str(second / "run.json"), tmp_path) == second
    monkeypatch.chdir(tmp_path)
    assert resolve(first.name, tmp_path / "elsewhere") == Path(first.name)


def test_a_name_wins_over_a_beginning(tmp_path: Path) -> None:
    short, _ = put(tmp_path, "http1"), put(tmp_path, "http1-again")
    assert resolve("http1", tmp_path) == short


def test_latest_is_the_one_that_started_last(tmp_path: Path) -> None:
    old = put(tmp_path, "z", started_at_us=STARTED_AT_US - 9)
    new = put(tmp_path, "a", started_at_us=STARTED_AT_US + 1)
    comparison = put_comparison(tmp_path)
    assert resolve("latest", tmp_path) == comparison
    assert resolve("latest", tmp_path, "run") == new
    assert resolve("latest:http1", tmp_path) == new
    with pytest.raises(RunUnreadable, match="there is no run of http9"):
        resolve("latest:http9", tmp_path)
    (new / "run.json").write_text("{")
    assert resolve("latest:http1", tmp_path) == old


@pytest.mark.parametrize(
    "name, expected",
    [
        ("2026", r"2026 may be any of 2 runs \(20260101-000000-http1-aaa, 20260102-000000-http1-bbb\)"),
        ("20260101-00000-http1-aaa", "did you mean 20260101-000000-http1-aaa"),
        ("zzz", "`python3 lab.py runs` lists them"),
        ("", "no run  in"),
        ("..", "no run .. in"),
        ("../none", "there is no folder ../none"),
        ("~nobody-of-this-name/x", "there is no folder"),
        ("x" * 5000, "no run x"),
        ("/" + "x" * 5000, "there is no folder /x"),
        ("\x1b[2J", r"no run \?\[2J"),
    ],
)
def test_a_name_that_means_none_or_many_is_explained(tmp_path: Path, name: str, expected: str) -> None:
    put(tmp_path, "20260101-000000-http1-aaa")
    put(tmp_path, "20260102-000000-http1-bbb")
    with pytest.raises(RunUnreadable, match=expected) as failure:
        resolve(name, tmp_path)
    assert len(str(failure.value).splitlines()) == 1
    assert len(str(failure.value)) < 1000


def test_without_any_run_the_way_to_one_is_said(tmp_path: Path) -> None:
    for name in ("http1", "latest"):
        with pytest.raises(RunUnreadable, match=r"`python3 lab\.py load http1` makes one"):
            resolve(name, tmp_path / "none")


def test_the_kind_is_checked(tmp_path: Path) -> None:
    comparison = put_comparison(tmp_path)
    assert kind_of(comparison) == "comparison"
    with pytest.raises(RunUnreadable, match="is a comparison, not a run"):
        resolve(comparison.name, tmp_path, "run")
    (tmp_path / "notes").mkdir()
    with pytest.raises(RunUnreadable, match="it is not a run"):
        resolve("notes", tmp_path)
    (tmp_path / "x.labrun").write_text("")
    with pytest.raises(RunUnreadable, match="goes to `runs import`"):
        resolve(str(tmp_path / "x.labrun"), tmp_path)


def test_links_and_hidden_folders_are_not_listed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    one = put(results, "one")
    (results / ".one.tmp").mkdir()
    outside = put(tmp_path / "outside", "two")
    (results / "two").symlink_to(outside)
    assert names.run_folders(results) == [one]


def test_a_results_folder_that_is_none_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunUnreadable, match=r"the results folder .* cannot be read"):
        names.run_folders(tmp_path / "file")

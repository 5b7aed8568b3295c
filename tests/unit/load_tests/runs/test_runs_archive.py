"""A run as one file, there and back: the same run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from load_tests.runs import archive as archive_module
from load_tests.runs.archive import export, import_archive
from load_tests.runs.files import RunNotWritten, RunUnreadable
from load_tests.runs.folder import SavedComparison, read, read_run
from tests.unit.load_tests.runs.small_runs import LETTERS, put, put_comparison


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export(put(tmp_path / "there", "one"), tmp_path / "one.labrun")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=30)
@given(fates=st.text(alphabet=LETTERS, min_size=1, max_size=40))
def test_a_run_comes_out_as_it_went_in(fates: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("export")
    folder = put(place / "there", "one", fates=fates)
    imported = import_archive(export(folder, place), place / "here")
    assert imported.path == place / "here" / "one"
    assert not imported.was_there
    assert files(imported.path) == files(folder)
    one, other = read_run(folder), read_run(imported.path)
    assert (one.run, one.series, one.ledger) == (other.run, other.series, other.ledger)
    assert one.run.machine.id == other.run.machine.id


def test_a_comparison_comes_out_with_its_blocks_and_without_its_reports(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "there")
    wanted = files(folder)
    (folder / "report.html").write_text("<p>")
    (folder / "blocks" / "02-http1" / "plot.png").write_text("")
    imported = import_archive(export(folder, tmp_path), tmp_path / "here")
    assert files(imported.path) == wanted
    saved = read(imported.path)
    assert isinstance(saved, SavedComparison)
    assert len(saved.noise) == 1


def test_a_comparison_of_runs_that_lay_beside_it_takes_them_along(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "there")
    for block in (folder / "blocks").iterdir():
        block.rename(tmp_path / "there" / block.name)
    saved = read(import_archive(export(folder, tmp_path), tmp_path / "here").path)
    assert isinstance(saved, SavedComparison)
    assert saved.blocks["http1"][0].path == tmp_path / "here" / folder.name / "blocks" / "02-http1"


def test_the_same_run_gives_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    again = export(tmp_path / "there" / "one", tmp_path / "again.labrun")
    assert again.read_bytes() == exported.read_bytes()


def test_an_export_is_named_after_its_run_and_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path, "one")
    monkeypatch.chdir(tmp_path)
    assert export(folder) == Path("one.labrun")
    with pytest.raises(RunNotWritten, match="exists already"):
        export(folder)
    with pytest.raises(RunNotWritten, match="there is no folder"):
        export(folder, tmp_path / "none" / "one.labrun")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "one.labrun"]


def test_a_run_that_cannot_be_read_is_not_handed_on(tmp_path: Path) -> None:
    folder = put(tmp_path, "one")
    (folder / "ledger.json").write_text("{}")
    with pytest.raises(RunUnreadable, match=r"ledger\.json is not as it was written"):
        export(folder, tmp_path)
    assert not list(tmp_path.glob("*.labrun"))


def test_importing_twice_changes_nothing_and_says_so(exported: Path, tmp_path: Path) -> None:
    first = import_archive(exported, tmp_path / "here")
    before = files(tmp_path / "here")
    again = import_archive(exported, tmp_path / "here")
    assert (again.path, again.was_there) == (first.path, True)
    assert files(tmp_path / "here") == before


def test_another_run_of_the_same_name_is_not_overwritten(exported: Path, tmp_path: Path) -> None:
    other = put(tmp_path / "here", "one", fates="aaa")
    before = files(other)
    with pytest.raises(RunNotWritten, match="another run is in"):
        import_archive(exported, tmp_path / "here")
    assert files(other) == before
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["one"]


def test_an_import_cut_off_halfway_leaves_nothing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.name == "run.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(archive_module, "write_file", full)
    with pytest.raises(RunNotWritten, match="no room in"):
        import_archive(exported, tmp_path / "here")
    assert list((tmp_path / "here").iterdir()) == []


def test_what_shrinks_too_well_is_stored_so_that_it_can_come_back(tmp_path: Path) -> None:
    folder = put(tmp_path / "there", "one", reasons=["x" * 2_000_000])
    file = export(folder, tmp_path)
    assert import_archive(file, tmp_path / "here").path.exists()

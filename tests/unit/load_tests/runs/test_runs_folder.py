"""A run comes back as it was written, or not at all: whatever happened to its files, never a wrong figure."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.runs.folder import (
    RUN_FILES,
    RunUnreadable,
    SavedComparison,
    SavedRun,
    read,
    read_comparison,
    read_run,
    write_comparison,
    write_run,
)
from load_tests.runs.schema import SCHEMA
from tests.unit.load_tests.runs.small_runs import LETTERS, put, put_comparison, replaced, small_run


def same(one: SavedRun, other: SavedRun) -> bool:
    counts = [{name: each.counts for name, each in saved.histograms.items()} for saved in (one, other)]
    return (one.run, one.series, one.ledger) == (other.run, other.series, other.ledger) and counts[
        0
    ] == counts[1]


@given(fates=st.text(alphabet=LETTERS, min_size=1, max_size=40))
def test_a_run_comes_back_as_it_was_written(fates: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    saved = small_run(fates)
    write_run(folder, saved.run, saved.histograms, saved.series, saved.ledger)
    found = read(folder)
    assert isinstance(found, SavedRun)
    assert same(saved, found)
    assert found.path == folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(RUN_FILES)


def test_the_main_file_comes_last(tmp_path: Path) -> None:
    folder = put(tmp_path, "one")
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert max(times, key=lambda name: (times[name], name == "run.json")) == "run.json"
    (folder / "run.json").unlink()
    with pytest.raises(RunUnreadable, match="was not finished"):
        read_run(folder)


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_file_cut_off_anywhere_is_no_run(tmp_path: Path, name: str) -> None:
    folder = put(tmp_path, "one")
    content = (folder / name).read_bytes()
    for tenth in range(10):
        (folder / name).write_bytes(content[: len(content) * tenth // 10])
        with pytest.raises(RunUnreadable) as failure:
            read_run(folder)
        assert len(str(failure.value).splitlines()) == 1
        expected = (
            ("is cut off", "is damaged") if tenth else ("is empty",)
        )  # a number cut after its point is no number
        assert any(each in str(failure.value) for each in expected)


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_byte_that_changed_is_noticed(tmp_path: Path, name: str) -> None:
    folder = put(tmp_path, "one")
    content = (folder / name).read_bytes()
    chance = random.Random(name)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(damaged)
        with pytest.raises(RunUnreadable) as failure:
            read_run(folder)
        assert len(str(failure.value).splitlines()) == 1


def test_a_run_edited_by_hand_is_noticed(tmp_path: Path) -> None:
    folder = put(tmp_path, "one")
    text = (folder / "run.json").read_text()
    assert '"user_s": 0.5' in text
    (folder / "run.json").write_text(text.replace('"user_s": 0.5', '"user_s": 0.4'))
    with pytest.raises(RunUnreadable, match=r"run\.json is not as it was written"):
        read_run(folder)


def test_files_of_two_runs_do_not_make_one(tmp_path: Path) -> None:
    one, other = put(tmp_path, "one"), put(tmp_path, "other", fates="aaaa")
    shutil.copy(other / "histograms.json", one)
    with pytest.raises(RunUnreadable, match=r"histograms\.json is not as it was written"):
        read_run(one)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in RUN_FILES:
        folder = put(tmp_path, f"without-{name}")
        (folder / name).unlink()
        with pytest.raises(RunUnreadable, match=f"has no {name}"):
            read_run(folder)


def test_another_schema_is_told_even_where_its_fields_are_unknown(tmp_path: Path) -> None:
    folder = put(tmp_path, "one")
    fields = msgspec.json.decode((folder / "run.json").read_bytes())
    fields |= {"schema": SCHEMA + 1, "mood": "good"}
    (folder / "run.json").write_bytes(msgspec.json.encode(fields))
    with pytest.raises(RunUnreadable, match="made by a newer lab: schema 2, this one reads 1"):
        read_run(folder)


def test_what_was_measured_is_kept_even_where_it_does_not_add_up(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable, match="counts say 0"):
        put(tmp_path, "one", counts=replaced("counts", lost=0))
    assert (tmp_path / "one" / "ledger.json").exists()
    with pytest.raises(RunUnreadable, match="counts say 0"):
        read_run(tmp_path / "one")


def test_a_figure_that_is_no_number_cannot_be_written_as_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable, match="is nan, which is no number"):
        put(tmp_path, "one", cost=replaced("cost", seconds=float("nan")))
    with pytest.raises(RunUnreadable):
        read_run(tmp_path / "one")


def test_a_run_of_no_length_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable, match="it has no length: not one sample was measured"):
        put(tmp_path, "one", fates="")


# -- comparisons ------------------------------------------------------------------------------------------------------


def test_a_comparison_comes_back_with_its_blocks(tmp_path: Path) -> None:
    found = read(put_comparison(tmp_path))
    assert isinstance(found, SavedComparison)
    assert [block.path.name for block in found.blocks["http1"]] == ["02-http1", "05-http1"]
    assert [block.path.name for block in found.blocks["http2"]] == ["03-http2", "04-http2"]
    assert [block.path.name for block in found.noise] == ["01-http1"]


def test_a_comparison_of_runs_that_existed_finds_them_beside_it(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path)
    (folder / "blocks" / "03-http2").rename(tmp_path / "03-http2")
    assert read_comparison(folder).blocks["http2"][0].path == tmp_path / "03-http2"


def test_a_block_that_is_missing_or_exchanged_is_noticed(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path)
    shutil.rmtree(folder / "blocks" / "05-http1")
    with pytest.raises(RunUnreadable, match=r"there is no folder .*05-http1"):
        read_comparison(folder)
    put(folder / "blocks", "05-http1", fates="aaaa")
    with pytest.raises(RunUnreadable, match=r"05-http1/run\.json is not as it was written"):
        read_comparison(folder)


def test_a_block_written_again_needs_the_comparison_written_again(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path)
    comparison = read_comparison(folder).comparison
    shutil.rmtree(folder / "blocks" / "05-http1")
    put(folder / "blocks", "05-http1", status="void", reasons=["too late"])
    write_comparison(folder, comparison)
    assert read_comparison(folder).blocks["http1"][1].run.status == "void"


@pytest.mark.parametrize("name", ["../../one", "/etc", "..", ".hidden", "a/b", ""])
def test_a_block_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    folder = put_comparison(tmp_path)
    fields = msgspec.json.decode((folder / "comparison.json").read_bytes())
    fields["blocks"]["http2"][0] = name
    (folder / "comparison.json").write_bytes(msgspec.json.encode(fields))
    with pytest.raises(RunUnreadable, match="cannot be a folder's name"):
        read_comparison(folder)


def test_a_block_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path)
    (folder / "blocks" / "05-http1").rename(tmp_path / "elsewhere")
    (folder / "blocks" / "05-http1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunUnreadable, match="symbolic link"):
        read_comparison(folder)


def test_a_comparison_cut_off_or_changed_anywhere_is_noticed(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path)
    content = (folder / "comparison.json").read_bytes()
    chance = random.Random(1)
    damaged = [content[: len(content) * tenth // 10] for tenth in range(10)]
    for _ in range(100):
        place = chance.randrange(len(content))
        damaged.append(
            content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
        )
    for each in damaged:
        (folder / "comparison.json").write_bytes(each)
        with pytest.raises(RunUnreadable):
            read_comparison(folder)


def test_a_run_is_no_comparison_and_the_other_way_round(tmp_path: Path) -> None:
    run, comparison = put(tmp_path, "one"), put_comparison(tmp_path)
    with pytest.raises(RunUnreadable, match=r"has no comparison\.json"):
        read_comparison(run)
    with pytest.raises(RunUnreadable, match=r"has no run\.json"):
        read_run(comparison)
    shutil.copy(comparison / "comparison.json", run / "run.json")
    with pytest.raises(RunUnreadable, match="is a comparison, not a run"):
        read_run(run)

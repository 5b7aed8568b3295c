from __future__ import annotations

from pathlib import Path

from control_plane.events import FILE_NAME, KEPT, Event, EventLog, read_events


def make_log(folder: Path, heard: list[Event]) -> EventLog:
    return EventLog(folder, lambda: 1_000 + len(heard), heard.append)


def test_an_event_is_numbered_kept_and_passed_on(tmp_path: Path) -> None:
    heard: list[Event] = []
    log = make_log(tmp_path, heard)
    log.add("crashed", "worker-1", "it fell")
    log.add("restarted", "worker-1", "it is back")
    assert heard == read_events(tmp_path, 0)
    assert [(event.id, event.at_us, event.kind) for event in heard] == [
        (1, 1000, "crashed"),
        (2, 1001, "restarted"),
    ]
    assert read_events(tmp_path, 1) == heard[1:]


def test_the_file_is_bounded(tmp_path: Path) -> None:
    heard: list[Event] = []
    log = make_log(tmp_path, heard)
    for _ in range(3 * KEPT + 10):
        log.add("crashed", "worker-1", "it fell")
    assert len((tmp_path / FILE_NAME).read_bytes().splitlines()) < 2 * KEPT
    read = read_events(tmp_path, 0)
    assert len(read) == KEPT
    assert read[-1].id == 3 * KEPT + 10


def test_no_run_and_a_line_that_is_being_written(tmp_path: Path) -> None:
    assert read_events(tmp_path / "none", 0) == []
    make_log(tmp_path, []).add("ready", "fleet", "ready")
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b'{"id": 2, "at_')
    assert [event.id for event in read_events(tmp_path, 0)] == [1]


def test_a_folder_that_is_gone_costs_the_record_only(tmp_path: Path) -> None:
    heard: list[Event] = []
    log = make_log(tmp_path / "gone", heard)
    log.add("crashed", "worker-1", "it fell")
    assert [event.kind for event in heard] == ["warning", "crashed"]

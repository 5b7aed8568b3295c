"""The table of phones: places are bounded, names are kept by keys, accounts outlive places."""

from __future__ import annotations

import pytest

from control_plane.join.account import Report, Told
from control_plane.join.table import (
    FREE_AFTER_S,
    MOST_ACCOUNTS,
    JoinFull,
    JoinOff,
    JoinTable,
    NameInUse,
    NotJoined,
)
from metrics_core.errors import SchemaViolation
from metrics_core.phones import PREFIX, is_phone

NOW_US = 1_766_000_000_000_000
KEY, OTHER = "k" * 22, "o" * 22
LATER_US = int((FREE_AFTER_S + 1) * 1_000_000)


def report(name: str = "anna", made: int = 3, epoch: int = NOW_US, acked: int = 2) -> Report:
    told = Told(acked=[(0, acked - 1)] if acked else [])
    return Report(f"phone-{name}", epoch, made, told, told)


@pytest.fixture
def table() -> JoinTable:
    return JoinTable(most=2, on=True)


def test_a_phone_gets_a_name_that_no_server_has(table: JoinTable) -> None:
    place, fresh = table.join("anna", KEY, NOW_US)
    assert (place.producer, place.epoch, fresh, len(table)) == ("phone-anna", NOW_US, True, 1)
    assert is_phone(place.producer)
    assert place.producer.startswith(PREFIX)


@pytest.mark.parametrize("name", ["", " ", "a b", "é", "a" * 25, "-a", ".a", "a/b", "a\n", "<b>", "名"])
def test_a_name_that_cannot_be_used_is_refused(table: JoinTable, name: str) -> None:
    with pytest.raises(SchemaViolation, match="name: expected"):
        table.join(name, KEY, NOW_US)
    assert len(table) == 0


def test_a_name_in_use_is_refused_however_it_is_written(table: JoinTable) -> None:
    table.join("anna", KEY, NOW_US)
    with pytest.raises(NameInUse, match="choose another one"):
        table.join("ANNA", OTHER, NOW_US)


def test_the_same_phone_comes_back_with_a_new_epoch_after_a_reload(table: JoinTable) -> None:
    first, _ = table.join("anna", KEY, NOW_US)
    again, fresh = table.join("anna", KEY, NOW_US)
    assert (again.epoch > first.epoch, fresh, len(table)) == (True, False, 1)


def test_a_phone_that_the_table_forgot_goes_on_with_its_epoch(table: JoinTable) -> None:
    place, _ = JoinTable(2, on=True).join("anna", KEY, NOW_US)
    with pytest.raises(NotJoined):
        table.report(KEY, report(epoch=place.epoch), NOW_US)
    again, _ = table.join("anna", KEY, NOW_US + 5, place.epoch)
    assert again.epoch == place.epoch
    table.report(KEY, report(epoch=place.epoch), NOW_US)
    assert [each.made for each in table.reports] == [3]


def test_places_are_bounded_and_free_again_after_silence_or_leaving(table: JoinTable) -> None:
    for name in ("anna", "ben"):
        table.join(name, KEY, NOW_US)
    with pytest.raises(JoinFull, match="2 phones have joined"):
        table.join("cleo", OTHER, NOW_US)
    table.leave(KEY, report(), NOW_US)
    table.join("cleo", OTHER, NOW_US + 1)
    assert table.sweep(NOW_US + LATER_US) == ["phone-ben", "phone-cleo"]
    assert len(table) == 0
    assert {each.producer for each in table.reports} == {"phone-anna", "phone-ben", "phone-cleo"}


def test_a_report_keeps_the_place(table: JoinTable) -> None:
    table.join("anna", KEY, NOW_US)
    table.report(KEY, report(), NOW_US + LATER_US)
    assert table.sweep(NOW_US + LATER_US + 1_000_000) == []


def test_nobody_reports_for_another(table: JoinTable) -> None:
    table.join("anna", KEY, NOW_US)
    table.report(KEY, report(made=5), NOW_US)
    with pytest.raises(NotJoined):
        table.report(OTHER, report(made=9), NOW_US)
    with pytest.raises(NotJoined):
        table.leave(OTHER, report(made=9), NOW_US)
    with pytest.raises(NotJoined):
        table.report(OTHER, report("stranger"), NOW_US)
    assert [each.made for each in table.reports] == [5]
    assert len(table) == 1


def test_a_report_never_takes_back_what_was_made(table: JoinTable) -> None:
    table.join("anna", KEY, NOW_US)
    table.report(KEY, report(made=5), NOW_US)
    table.report(KEY, report(made=4), NOW_US)
    assert [each.made for each in table.reports] == [5]


def test_off_sends_all_away_and_their_last_word_still_counts(table: JoinTable) -> None:
    table.join("anna", KEY, NOW_US)
    table.switch(False)
    assert len(table) == 0
    with pytest.raises(JoinOff):
        table.join("ben", OTHER, NOW_US)
    with pytest.raises(JoinOff):
        table.report(KEY, report(made=7), NOW_US)
    assert [each.made for each in table.reports] == [7]
    table.switch(True)
    assert table.join("ben", OTHER, NOW_US)[1]


def test_accounts_are_bounded_and_the_forgotten_are_counted() -> None:
    table = JoinTable(most=MOST_ACCOUNTS + 10, on=True)
    for number in range(MOST_ACCOUNTS + 3):
        table.join(f"n{number}", KEY, NOW_US)
    assert len(list(table.reports)) == MOST_ACCOUNTS
    assert table.forgotten == 3


@pytest.mark.parametrize("interval", [(2, 1), (0, 3), (5, 9)])
def test_a_report_of_samples_that_were_not_made_is_refused(
    table: JoinTable, interval: tuple[int, int]
) -> None:
    table.join("anna", KEY, NOW_US)
    with pytest.raises(SchemaViolation, match=r"\$\.websocket\.dropped"):
        table.report(KEY, Report("phone-anna", NOW_US, 3, Told(), Told(dropped=[interval])), NOW_US)

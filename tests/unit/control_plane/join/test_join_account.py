"""What phones tell, counted by the audit's own rules and kept apart from the fleet's account."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.join.account import Report, Told, as_fleet, guests_of
from metrics_core.ledger import audit

NONE: dict[str, Any] = {"producers": {}}


def ledger(**producers: dict[str, list[list[int]]]) -> dict[str, Any]:
    return {
        "totals": {"duplicates": 0},
        "producers": {name.replace("_", "-"): epochs for name, epochs in producers.items()},
    }


def told(pipeline: str = "http_redis") -> dict[str, Any]:
    one = Report("phone-a", 1, 10, Told(acked=[(0, 6)], rejected=[(7, 7)], dropped=[(8, 8)]), Told())
    return as_fleet([one, Report("phone-b", 2, 0)])[pipeline]


def test_a_report_reads_like_a_fleets_ledger() -> None:
    parts = told()
    assert parts["created"] == {"producers": {"phone-a": {"1": [[0, 9]]}}}
    assert parts["acked"] == {"producers": {"phone-a": {"1": [[0, 6]]}}}
    assert told("websocket")["acked"] == {"producers": {"phone-a": {"1": []}}}


@pytest.mark.parametrize("pipeline, lost", [("http_redis", "lost_store"), ("websocket", "lost_memory")])
def test_every_sample_that_was_told_of_has_one_fate(pipeline: str, lost: str) -> None:
    parts = told()
    places = {"places": {"queued": {"phone-a": {"1": [[5, 5]]}}}}
    counts = guests_of(pipeline, parts, places, ledger(phone_a={"1": [[0, 4]]}))["counts"]
    found = {fate: n for fate, n in counts.items() if n}
    expected = {
        "processed": 5,
        "waiting_queue": 1,
        lost: 1,
        "rejected": 1,
        "lost_outbox": 1,
        "waiting_outbox": 1,
    }
    assert found == expected
    assert sum(counts.values()) == 10


def test_what_was_not_told_of_yet_is_counted_apart_and_servers_are_not() -> None:
    held = ledger(phone_a={"1": [[0, 11]], "9": [[0, 0]]}, phone_c={"3": [[0, 4]]}, web_01={"1": [[0, 99]]})
    assert guests_of("http_redis", told(), {}, held)["untold"] == 2 + 1 + 5


def test_phones_are_in_no_figure_of_the_fleets_account_but_their_own() -> None:
    fleet = {part: {"producers": {"web-01": {"1": [[0, 4]]}}} for part in ("created", "acked")}
    found = audit(fleet | {"rejected": NONE}, ledger(web_01={"1": [[0, 4]]}, phone_a={"1": [[0, 6]]}))
    assert (found.processed, found.lost, found.ok, found.guests) == (5, 0, True, 7)

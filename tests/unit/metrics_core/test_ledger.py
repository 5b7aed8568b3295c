"""The audit names every identity that was acked and not processed, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metrics_core.intervals import IntervalSet
from metrics_core.ledger import audit, count, format_ledger, only_producers_of, parse_ledger, subtract

Identity = tuple[str, int, int]
identities = st.sets(
    st.tuples(st.sampled_from("abc"), st.sampled_from([1, 2]), st.integers(0, 8)), max_size=40
)


def wire_form(found: set[Identity]) -> dict[str, dict[str, list[list[int]]]]:
    ledger: dict[str, dict[int, IntervalSet]] = {}
    for producer, epoch, seq in found:
        ledger.setdefault(producer, {}).setdefault(epoch, IntervalSet()).add(seq, seq)
    return format_ledger(ledger)


def as_set(producers: dict[str, dict[str, list[list[int]]]]) -> set[Identity]:
    return {
        (name, int(epoch), seq)
        for name, epochs in producers.items()
        for epoch, intervals in epochs.items()
        for low, high in intervals
        for seq in range(low, high + 1)
    }


def fleet(created: set[Identity], acked: set[Identity], rejected: set[Identity]) -> dict[str, Any]:
    fates = {"created": created, "acked": acked, "rejected": rejected}
    return {fate: {"producers": wire_form(found)} for fate, found in fates.items()}


def pipeline(processed: set[Identity], duplicates: int = 0) -> dict[str, Any]:
    return {"totals": {"duplicates": duplicates}, "producers": wire_form(processed)}


@given(identities)
def test_the_wire_form_comes_back(found: set[Identity]) -> None:
    ledger = parse_ledger(wire_form(found))
    assert as_set(format_ledger(ledger)) == found
    assert count(ledger) == len(found)


@given(identities, identities)
def test_subtract_is_the_difference_of_identities(one: set[Identity], other: set[Identity]) -> None:
    left = subtract(parse_ledger(wire_form(one)), parse_ledger(wire_form(other)))
    assert as_set(format_ledger(left)) == one - other
    assert all(len(intervals) for epochs in left.values() for intervals in epochs.values())


@given(identities, identities, identities, identities, st.integers(0, 5))
def test_the_audit_counts_identities(
    created: set[Identity],
    acked: set[Identity],
    rejected: set[Identity],
    processed: set[Identity],
    repeats: int,
) -> None:
    acked, rejected = acked & created, rejected & created
    found = audit(fleet(created, acked, rejected), pipeline(processed, repeats))
    known = {(producer, epoch) for producer, epoch, _ in created}
    of_the_fleet = {identity for identity in processed if identity[:2] in known}
    assert as_set(found.missing) == acked - of_the_fleet
    assert (found.created, found.acked, found.rejected) == (len(created), len(acked), len(rejected))
    assert (found.processed, found.duplicates) == (len(of_the_fleet), repeats)
    assert found.lost == len(acked - of_the_fleet)
    assert found.unsettled == len(created - acked - rejected - of_the_fleet)
    assert found.ok == (bool(acked) and not found.lost and not found.unsettled)


def test_one_lost_sample_is_named() -> None:
    created = {("web-01", 7, seq) for seq in range(100)}
    found = audit(fleet(created, created, set()), pipeline(created - {("web-01", 7, 41)}))
    assert (found.lost, found.missing, found.ok) == (1, {"web-01": {"7": [[41, 41]]}}, False)


def test_samples_sent_by_hand_are_no_part_of_the_account() -> None:
    created = {("web-01", 7, 0)}
    by_hand = {("curl", 1, 0), ("web-01", 1, 0)}
    found = audit(fleet(created, created, set()), pipeline(created | by_hand))
    assert (found.processed, found.ok) == (1, True)
    only = only_producers_of(parse_ledger(wire_form(by_hand)), parse_ledger(wire_form(created)))
    assert count(only) == 0


def test_an_audit_of_nothing_is_not_a_success() -> None:
    assert not audit(fleet(set(), set(), set()), pipeline(set())).ok

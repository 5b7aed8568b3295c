"""Every created sample has exactly one fate, also while it moves between the looks; and the sums that must come out.

Long because: every fate and every equation has a case, and the moving world that they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.fates import FATES, HELD, LOST, WAITING, PipelineFates, fates_of
from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger, format_ledger, parse_ledger

Identity = tuple[str, int, int]
PIPELINES = ("http_redis", "websocket")
identities = st.sets(
    st.tuples(st.sampled_from("ab"), st.sampled_from([1, 2]), st.integers(0, 7)), max_size=24
)


def ledger_of(found: set[Identity]) -> Ledger:
    ledger: Ledger = {}
    for producer, epoch, seq in sorted(found):
        ledger.setdefault(producer, {}).setdefault(epoch, IntervalSet()).add(seq, seq)
    return ledger


def wire(found: set[Identity]) -> dict[str, dict[str, list[list[int]]]]:
    return format_ledger(ledger_of(found))


def as_set(ledger: Ledger) -> set[Identity]:
    return {
        (name, epoch, seq)
        for name, epochs in ledger.items()
        for epoch, intervals in epochs.items()
        for low, high in intervals
        for seq in range(low, high + 1)
    }


def fleet(**parts: set[Identity]) -> dict[str, Any]:
    return {part: {"producers": wire(found)} for part, found in parts.items()}


def told(pipeline: str, looks: Looks, logged: set[Identity] | None = None) -> PipelineFates:
    return fates_of(
        pipeline,
        looks.fleet,
        looks.whereabouts,
        {"producers": wire(looks.processed)},
        None if logged is None else ledger_of(logged),
    )


def sets_of(found: PipelineFates) -> dict[str, set[Identity]]:
    return {fate: as_set(ledger) for fate, ledger in found.fates.items()}


class Looks:
    """What the three looks brought."""

    def __init__(
        self, fleet: dict[str, Any], places: dict[str, set[Identity]], processed: set[Identity], **more: Any
    ) -> None:
        self.fleet = fleet
        self.whereabouts = {"places": {place: wire(found) for place, found in places.items()}, **more}
        self.processed = processed


# -- whatever the parts say, each sample gets one fate --------------------------------------------------------------


@given(
    st.sampled_from(PIPELINES),
    identities,
    st.tuples(*[identities] * 4),
    st.dictionaries(
        st.sampled_from(["queued", "popped", "running", "dead_lettered", "ring", "overwritten"]), identities
    ),
    identities,
    st.none() | identities,
    st.booleans(),
)
def test_each_created_sample_has_exactly_one_fate(
    pipeline: str,
    created: set[Identity],
    parts: tuple[set[Identity], ...],
    places: dict[str, set[Identity]],
    processed: set[Identity],
    logged: set[Identity] | None,
    truncated: bool,
) -> None:
    names = ("acked", "rejected", "dropped", "crashed")
    looks = Looks(
        fleet(created=created, **dict(zip(names, parts, strict=True))),
        places,
        processed,
        truncated=truncated,
    )
    found = told(pipeline, looks, logged)
    by_fate = sets_of(found)
    assert by_fate.keys() == FATES.keys()
    epochs = {(name, epoch) for name, epoch, _ in created}
    dead = {i for i in logged or set() if i[:2] not in epochs}
    assert set().union(*by_fate.values()) == created | dead
    assert sum(found.counts.values()) == len(created | dead)
    assert by_fate["processed"] | by_fate["overwritten"] == processed & (created | dead)
    if truncated and pipeline == "http_redis":
        assert not by_fate["lost_store"]


def test_every_fate_is_one_of_four_kinds() -> None:
    assert {*HELD, *LOST, *WAITING, "rejected", "dead_lettered"} == FATES.keys()


# -- while samples move ---------------------------------------------------------------------------------------------

STEPS = {
    "outbox": ("queued",),
    "queued": ("popped",),
    "popped": ("running", "queued"),
    "running": ("processed", "dead", "queued"),
    "processed": (),
    "dead": (),
    "gone": (),
}
SHOWN = {
    "outbox": "waiting_outbox",
    "queued": "waiting_queue",
    "popped": "waiting_worker",
    "running": "waiting_worker",
    "processed": "processed",
    "dead": "dead_lettered",
    "gone": "lost_store",
}
moves = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans(), st.booleans()), max_size=25)


class World:
    """Six samples in pipeline A, and all the places in which each has been since the first look."""

    def __init__(self) -> None:
        self.place = ["outbox"] * 6
        self.acked: set[int] = set()
        self.been: list[set[str]] = [set() for _ in self.place]

    def move(self, steps: list[tuple[int, int, bool, bool]], may_lose: bool) -> None:
        """Any sample takes a step, an ack arrives, now and then the store loses one."""
        for sample, choice, ack, lose in steps:
            options = STEPS[self.place[sample]]
            if lose and may_lose and self.place[sample] in ("queued", "popped", "running"):
                self.place[sample] = "gone"
            elif options:
                self.place[sample] = options[choice % len(options)]
            if ack and self.place[sample] != "outbox":
                self.acked.add(sample)
            self.been[sample].add(self.place[sample])

    def begin(self) -> None:
        self.been = [{place} for place in self.place]

    def in_place(self, *places: str) -> set[Identity]:
        return {("a", 1, n) for n, place in enumerate(self.place) if place in places}


@given(st.tuples(*[moves] * 5), st.booleans())
def test_a_sample_that_moves_between_the_looks_is_told_where_it_was_meanwhile(
    steps: tuple[list[tuple[int, int, bool, bool]], ...], may_lose: bool
) -> None:
    """The order of the looks, with the three steps of pipeline A's whereabouts apart, as they are read."""
    world = World()
    world.move(steps[0], may_lose)
    world.begin()
    acked = {("a", 1, n) for n in world.acked}
    known = fleet(created={("a", 1, n) for n in range(6)}, acked=acked)
    world.move(steps[1], may_lose)
    places = {place: world.in_place(place) for place in ("queued", "popped", "running")}
    world.move(steps[2], may_lose)
    still = world.in_place("queued", "popped", "running")
    places = {place: found & still for place, found in places.items()}
    world.move(steps[3], may_lose)
    places["dead_lettered"] = world.in_place("dead")
    world.move(steps[4], may_lose)
    found = sets_of(told("http_redis", Looks(known, places, world.in_place("processed"))))
    for n in range(6):
        fate = next(fate for fate, members in found.items() if ("a", 1, n) in members)
        possible = {SHOWN[place] for place in world.been[n]}
        if ("a", 1, n) not in acked:
            possible = possible - {"lost_store"} | {"waiting_outbox"}  # nothing was promised yet
        assert fate in possible, (n, world.been[n])
        assert may_lose or fate != "lost_store"


# -- single cases ---------------------------------------------------------------------------------------------------


def one(pipeline: str = "http_redis", processed: bool = False, **held: bool) -> str:
    """The fate of a single sample that the named parts know."""
    own = {("a", 1, 0)}
    parts = ("acked", "rejected", "dropped", "crashed")
    places = {place: own for place in held if place not in parts}
    known = fleet(created=own, **{part: own for part in held if part in parts})
    found = told(pipeline, Looks(known, places, own if processed else set()))
    return next(fate for fate, n in found.counts.items() if n)


@pytest.mark.parametrize(
    "pipeline, held, fate",
    [
        ("http_redis", {}, "waiting_outbox"),
        ("http_redis", {"acked": True}, "lost_store"),
        ("websocket", {"acked": True}, "lost_memory"),
        ("http_redis", {"acked": True, "queued": True}, "waiting_queue"),
        ("http_redis", {"queued": True}, "waiting_queue"),
        ("http_redis", {"acked": True, "popped": True}, "waiting_worker"),
        ("http_redis", {"acked": True, "queued": True, "running": True}, "waiting_worker"),
        ("http_redis", {"acked": True, "dead_lettered": True}, "dead_lettered"),
        ("http_redis", {"acked": True, "dead_lettered": True, "processed": True}, "processed"),
        ("http_redis", {"rejected": True}, "rejected"),
        ("http_redis", {"dropped": True}, "lost_outbox"),
        ("http_redis", {"crashed": True}, "lost_producer"),
        ("http_redis", {"crashed": True, "queued": True}, "waiting_queue"),
        ("websocket", {"acked": True, "ring": True, "processed": True}, "processed"),
        ("websocket", {"acked": True, "overwritten": True, "processed": True}, "overwritten"),
        ("websocket", {"acked": True, "overwritten": True}, "lost_memory"),
    ],
)
def test_who_claims_a_sample_before_whom(pipeline: str, held: dict[str, bool], fate: str) -> None:
    assert one(pipeline, **held) == fate


def test_more_than_can_be_named_is_told_as_waiting_not_as_lost() -> None:
    own = {("a", 1, 0), ("a", 1, 1)}
    looks = Looks(fleet(created=own, acked=own), {"queued": {("a", 1, 0)}}, set(), truncated=True)
    found = told("http_redis", looks)
    assert found.counts["waiting_queue"] == 2
    assert found.truncated
    assert found.ok


def test_a_killed_fleet_leaves_its_log_as_witness() -> None:
    """Epoch 1 died with its process: what of it arrived is processed, the rest is lost with the producer."""
    now = {("a", 2, 0)}
    logged = {("a", 1, 0), ("a", 1, 1), ("a", 1, 2), ("a", 2, 0), ("a", 2, 1)}
    looks = Looks(fleet(created=now, acked=now), {"queued": {("a", 1, 1)}}, {("a", 1, 0), ("a", 2, 0)})
    found = sets_of(told("http_redis", looks, logged))
    assert found["processed"] == {("a", 1, 0), ("a", 2, 0)}
    assert found["waiting_queue"] == {("a", 1, 1)}
    assert found["lost_producer"] == {("a", 1, 2)}
    assert sum(map(len, found.values())) == 4, (
        "what the log has over the fleet's word is younger than that word"
    )


# -- equations ------------------------------------------------------------------------------------------------------


def equations(pipeline: str, counts: Mapping[str, int | None], **more: Any) -> dict[str, bool]:
    own = {("a", 1, n) for n in range(3)}
    known = fleet(created=own, acked=own) | more.pop("fleet", {})
    found = told(pipeline, Looks(known, {}, own, counts=counts), more.get("logged"))
    return {each.text: each.holds for each in found.equations}


A_COUNTS = {"accepted": 9, "processed": 3, "duplicates": 2, "dead_lettered": 1, "waiting": 3, "unique": 3}
B_COUNTS = {
    "accepted": 5,
    "processed": 3,
    "duplicates": 2,
    "unique": 3,
    "overwritten": 1,
    "overwritten_named": 1,
}


@pytest.mark.parametrize("pipeline, counts", [("http_redis", A_COUNTS), ("websocket", B_COUNTS)])
def test_equations_that_hold(pipeline: str, counts: Mapping[str, int | None]) -> None:
    found = equations(pipeline, counts, logged={("a", 1, n) for n in range(5)})
    assert all(found.values()), found
    assert len(found) == 5


@pytest.mark.parametrize(
    "pipeline, counts, text",
    [
        (
            "http_redis",
            A_COUNTS | {"accepted": 10},
            "accepted = processed + duplicates + dead-lettered + waiting",
        ),
        ("http_redis", A_COUNTS | {"unique": 4}, "arrivals = unique + duplicates"),
        ("websocket", B_COUNTS | {"duplicates": 1}, "arrivals = unique + duplicates"),
        ("websocket", B_COUNTS | {"overwritten_named": 2}, "overwritten, counted = by name"),
    ],
)
def test_equations_that_do_not_hold(pipeline: str, counts: Mapping[str, int | None], text: str) -> None:
    found = equations(pipeline, counts)
    assert not found[text]


def test_a_processed_sample_that_nobody_made_does_not_add_up() -> None:
    found = equations("http_redis", A_COUNTS, logged={("a", 1, 0), ("a", 1, 1)})
    assert not found["processed = found in the producers' log"]


def test_a_fleet_that_settles_a_sample_twice_does_not_add_up() -> None:
    found = equations("http_redis", A_COUNTS, fleet=fleet(rejected={("a", 1, 0)}))
    assert not found["created = acked + rejected + dropped + crashed + in the outbox"]


def test_what_could_not_be_counted_is_not_claimed() -> None:
    found = equations("http_redis", A_COUNTS | {"waiting": None, "unique": None})
    assert not [text for text in found if text.startswith(("accepted", "arrivals"))]
    assert all(found.values())


def test_a_loss_of_what_was_acked_is_not_ok() -> None:
    own = {("a", 1, 0)}
    lost = told("websocket", Looks(fleet(created=own, acked=own), {}, set()))
    assert parse_ledger(format_ledger(lost.fates["lost_memory"])) == ledger_of(own)
    assert not lost.ok
    dropped = told("websocket", Looks(fleet(created=own, dropped=own), {}, set()))
    assert dropped.ok, "nothing was promised"

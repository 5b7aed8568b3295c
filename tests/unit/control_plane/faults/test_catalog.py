from __future__ import annotations

import msgspec
import pytest

from control_plane.faults.actuators import FaultRefused
from control_plane.faults.catalog import KINDS, LONGEST_S, Request, check, decode, entry, sentence

UNDOABLE = {
    "pause", "out-of-memory", "disk-full", "delay", "throttle", "cut", "swallow-replies", "silent-dashboard",
    "slow-dashboard", "skew-clock", "duplicate", "shuffle",
}  # fmt: skip
AT_ONCE = {"kill", "kill-mid-batch", "restart", "poison-batch", "crash-producer", "reconnect-storm"}
TARGETS = ["redis", "worker-1", "store", "http_redis", "*"]


def test_the_kinds_and_which_can_be_undone() -> None:
    assert {kind.name for kind in KINDS.values() if kind.undoable} == UNDOABLE
    assert {kind.name for kind in KINDS.values() if not kind.undoable} == AT_ONCE


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_default_is_within_its_range(kind: object) -> None:
    from control_plane.faults.catalog import Kind

    assert isinstance(kind, Kind)
    order = check(Request(kind.name, "*"), ["*"])
    assert order.for_s == kind.default_for_s
    assert order.grade == (kind.grade.default if kind.grade else None)
    assert kind.meaning


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`"),
        (b'{"kind": "kill"}', "missing required field `target`"),
        (b'{"kind": "kill", "target": "redis", "colour": 1}', "unknown field `colour`"),
        (b'{"kind": "kill", "target": 5}', "Expected `str`, got `int` - at `$.target`"),
        (b'{"kind": "pause", "target": "redis", "for_s": "long"}', "at `$.for_s`"),
        (b'{"kind": "\xff"}', ""),
    ],
)
def test_what_is_no_request_is_refused_with_the_place(body: bytes, said: str) -> None:
    with pytest.raises(FaultRefused) as refused:
        decode(body)
    assert said in refused.value.detail
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "request_, said",
    [
        (Request("kil", "redis"), "no such fault: kil; did you mean kill?"),
        (Request("kill", "worker-2"), "kill acts on redis, worker-1, store, http_redis, *, not on worker-2; did you"),
        (Request("kill", "redis", grade=1), "grade: kill has none"),
        (Request("kill", "redis", for_s=3), "for_s: kill is over at once"),
        (Request("pause", "redis", for_s=-1), "for_s: expected seconds up to 3600"),
        (Request("pause", "redis", for_s=LONGEST_S + 1), "for_s: expected seconds up to 3600"),
        (Request("pause", "redis", for_s=float("nan")), "for_s: expected seconds"),
        (Request("delay", "store", grade=0), "grade: expected a whole number from 1 to 60000 (ms each way), not 0"),
        (Request("delay", "store", grade=1.5), "a whole number"),
        (Request("delay", "store", grade=float("nan")), "grade: expected"),
        (Request("swallow-replies", "store", grade=1.1), "a number from 0 to 1 (share of replies), not 1.1"),
        (Request("skew-clock", "web 01"), "target: expected a server's name or *"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_may(request_: Request, said: str) -> None:
    with pytest.raises(FaultRefused) as refused:
        check(request_, TARGETS)
    assert said in refused.value.detail


def test_where_nothing_is_a_target_it_says_so() -> None:
    with pytest.raises(FaultRefused, match="kill-mid-batch acts on nothing here"):
        check(Request("kill-mid-batch", "worker"), [])


def test_a_server_need_not_be_listed() -> None:
    assert check(Request("skew-clock", "web-4711", grade=-3600.5), []).grade == -3600.5


@pytest.mark.parametrize("for_s", [0, None])
def test_no_time_means_until_it_is_undone(for_s: float | None) -> None:
    assert check(Request("pause", "redis", for_s=for_s), TARGETS).for_s is None
    assert decode(b'{"kind": "pause", "target": "redis", "for_s": null}').for_s is None
    assert decode(b'{"kind": "pause", "target": "redis"}').for_s is msgspec.UNSET


def test_an_entry_of_the_listing() -> None:
    assert entry(KINDS["delay"], ["store"], "") == {
        "kind": "delay",
        "targets": ["store"],
        "grade": {"unit": "ms each way", "default": 200, "low": 1, "high": 60_000},
        "undoable": True,
        "default_for_s": 20,
        "meaning": "hold every byte back, each way",
        "available": True,
        "why_not": "",
    }
    poor = entry(KINDS["kill"], [], "nobody here")
    assert (poor["available"], poor["why_not"], poor["grade"], poor["default_for_s"]) == (
        False,
        "nobody here",
        None,
        None,
    )


@pytest.mark.parametrize(
    "fault, words",
    [
        (("delay", "fleet-a", 200, 20), "delay on fleet-a: 200 ms each way, for 20 s"),
        (("pause", "redis", None, None), "pause on redis, until it is undone"),
        (("kill", "redis", None, None), "kill on redis"),
        (("poison-batch", "http_redis", 1, None), "poison-batch on http_redis: 1 batch"),
        (("poison-batch", "http_redis", 3, None), "poison-batch on http_redis: 3 batches"),
        (("swallow-replies", "store", 0.5, 2.5), "swallow-replies on store: 0.5 share of replies, for 2.5 s"),
    ],
)
def test_a_fault_in_words(fault: tuple[str, str, float | None, float | None], words: str) -> None:
    assert sentence(*fault) == words

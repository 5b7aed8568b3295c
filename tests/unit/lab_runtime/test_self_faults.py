"""Orders to a process: what is one, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lab_runtime.env import Env
from lab_runtime.self_faults import (
    LONGEST_PAUSE_S,
    MOST_BYTES,
    CannotObey,
    NotDone,
    Order,
    SelfFaults,
    answer,
    pause_length_s,
)


async def answered(body: bytes, outcome: dict[str, Any] | Exception | None = None) -> tuple[int, Any]:
    """Status and decoded body of an answer, from one whose carrying out ends like `outcome`."""

    async def obey(order: Order) -> dict[str, Any] | None:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    status, said = await answer(obey, body)
    return status, msgspec.json.decode(said)


async def test_an_answer_tells_what_the_undo_needs() -> None:
    assert await answered(b'{"kind": "kill"}') == (200, {"undo": None})
    assert await answered(b'{"kind": "pause", "for_s": 3}', {"port": 1}) == (200, {"undo": {"port": 1}})


async def test_what_did_not_take_place_is_told() -> None:
    status, said = await answered(b'{"kind": "kill"}', NotDone("there was nobody"))
    assert (status, said) == (502, {"error": "fault_failed", "detail": "there was nobody"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"kind": 1}',
        b'{"kind": "kill", "more": 1}',
        b"\xff",
        b'{"kind": "k", "for_s": "1"}',
    ],
)
async def test_what_is_no_order_is_refused(body: bytes) -> None:
    status, said = await answered(body)
    assert (status, said["error"]) == (422, "schema")
    assert said["detail"]


async def test_an_order_is_short() -> None:
    status, said = await answered(b'{"kind": "%b"}' % (b"k" * MOST_BYTES))
    assert (status, said["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    "order",
    [Order("melt"), Order("kill", "redis"), Order("pause", undo={}), Order("poison-batch", "http_redis")],
)
async def test_a_process_does_only_what_it_can_do_to_itself(order: Order) -> None:
    with pytest.raises(CannotObey):
        await SelfFaults("127.0.0.1").obey(order)


def test_a_pause_ends() -> None:
    assert pause_length_s(None) == LONGEST_PAUSE_S
    assert pause_length_s(2.5) == 2.5
    for wrong in (0, -1, LONGEST_PAUSE_S + 1, float("nan")):
        with pytest.raises(CannotObey, match="seconds up to"):
            pause_length_s(wrong)


def test_orders_are_taken_only_where_the_settings_say_so() -> None:
    assert not Env({}).takes_orders()
    assert Env({"LAB_FAULTS": "inside"}).takes_orders()

"""A token for joining: opens what asks for no more, and nothing else; cannot be turned into another kind."""

from __future__ import annotations

import pytest

from lab_runtime.guards import Guards
from lab_runtime.tokens import EXPIRED, JOIN_KIND, JOINS_ONLY, KIND, NEEDED, Tokens, sign

MASTER = "the lab's own token"
NOW_S = 1_766_000_000.0
GOOD = sign(MASTER, int(NOW_S) + 60, JOIN_KIND)


def bearer(token: str) -> bytes:
    return f"Bearer {token}".encode()


def detail(token: str, *, joining: bool, now_s: float = NOW_S) -> str:
    fault = Tokens(MASTER).fault(bearer(token), now_s, joining=joining)
    return fault.detail if fault else ""


def test_it_opens_the_doors_for_joining_alone() -> None:
    assert detail(GOOD, joining=True) == ""
    assert detail(GOOD, joining=False) == JOINS_ONLY


def test_it_expires() -> None:
    assert detail(GOOD, joining=True, now_s=NOW_S + 60) == EXPIRED
    assert Tokens(MASTER).expiry_s(bearer(GOOD)) == NOW_S + 60


@pytest.mark.parametrize(
    "token",
    [
        GOOD.replace(JOIN_KIND, KIND, 1),  # a guest's token would open every door
        sign(MASTER, int(NOW_S) + 60).replace(KIND, JOIN_KIND, 1),
        GOOD.replace(JOIN_KIND, "root1", 1),
        GOOD[:-1],
        sign("another lab", int(NOW_S) + 60, JOIN_KIND),
    ],
)
def test_it_cannot_be_made_of_another_one(token: str) -> None:
    assert detail(token, joining=True) == detail(token, joining=False) == NEEDED


def test_other_tokens_open_the_doors_for_joining_too() -> None:
    assert detail(MASTER, joining=True) == detail(sign(MASTER, int(NOW_S) + 60), joining=True) == ""


def test_who_may_only_join_is_known() -> None:
    tokens = Tokens(MASTER)
    assert [tokens.joins(bearer(text)) for text in (GOOD, MASTER, sign(MASTER, int(NOW_S)))] == [
        True,
        False,
        False,
    ]
    assert not tokens.joins(b"")
    assert not Tokens("").joins(bearer(GOOD))
    guards = Guards(token=GOOD)  # a lab whose own token looks like one
    assert not guards.joins(bearer(GOOD))

"""Phones: known by their names, held to a rate of their own."""

from __future__ import annotations

import pytest

from metrics_core.errors import RateLimited
from metrics_core.phones import MOST_MADE_PER_S, MOST_TAKEN_PER_S, NoPhone, is_phone, only_phones
from metrics_core.rate_limit import BURST_S, RateLimit
from tests.support.samples import a_run, a_sample

S = 1_000_000


def taken(limit: RateLimit, name: str, seconds: int, per_s: int) -> int:
    """Samples of a producer that are taken where it sends one by one."""
    n = 0
    for step in range(seconds * per_s):
        try:
            limit.take([a_sample(name)], step * S // per_s)
            n += 1
        except RateLimited:
            pass
    return n


def test_a_phone_is_known_by_its_name() -> None:
    assert [is_phone(name) for name in ("phone-anna", "web-01", "aphone-1", "Phone-x")] == [
        True,
        False,
        False,
        False,
    ]


def test_a_phone_is_held_to_its_own_rate_and_others_are_not() -> None:
    limit = RateLimit(20_000)
    most = MOST_TAKEN_PER_S * (10 + BURST_S) + 1
    assert MOST_TAKEN_PER_S * 10 <= taken(limit, "phone-anna", 10, 100) <= most
    assert taken(limit, "web-01", 10, 100) == 1_000


def test_a_phone_at_its_highest_rate_is_never_refused() -> None:
    assert taken(RateLimit(20_000), "phone-anna", 60, MOST_MADE_PER_S) == 60 * MOST_MADE_PER_S


def test_a_lower_rate_for_all_holds_for_phones_too() -> None:
    assert taken(RateLimit(2), "phone-anna", 10, 10) <= 2 * (10 + BURST_S) + 1


def test_a_refusal_names_the_rate_that_holds() -> None:
    limit = RateLimit(20_000)
    limit.take(a_run("phone-anna", 1, range(200)), 0)
    with pytest.raises(RateLimited, match="phone-anna may send 20 samples/s"):
        limit.take([a_sample("phone-anna")], 0)


def test_a_batch_of_a_phone_holds_phones_alone() -> None:
    only_phones([a_sample("phone-anna"), a_sample("phone-ben")])
    with pytest.raises(NoPhone, match="begin with phone-"):
        only_phones([a_sample("phone-anna"), a_sample("web-01")])

"""The rate limit: in the long run a producer gets its rate, in the short run a burst; a refused batch costs nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.errors import RateLimited
from metrics_core.rate_limit import BURST_S, RateLimit
from tests.support.samples import a_run, a_sample

S = 1_000_000


def took(limit: RateLimit, n: int, at_us: int, producer: str = "web-01") -> bool:
    try:
        limit.take(a_run(producer, 1, range(n)), at_us)
    except RateLimited:
        return False
    return True


def test_a_burst_then_the_rate() -> None:
    limit = RateLimit(100)
    assert [took(limit, 50, 0) for _ in range(6)] == [True, True, True, True, True, False]
    assert not took(limit, 1, S // 2 - 1)
    assert took(limit, 1, S // 2 + 1), "50 samples more than the burst are earned after half a second"


def test_a_producer_that_keeps_to_its_rate_is_never_refused() -> None:
    limit = RateLimit(10)
    assert all(took(limit, 1, at_us) for at_us in range(0, 100 * S, S // 10))


def test_a_batch_larger_than_the_burst_goes_through_and_is_paid_for_afterwards() -> None:
    limit = RateLimit(10)
    assert took(limit, 500, 0)
    assert not took(limit, 1, 47 * S)
    assert took(limit, 1, 48 * S)


def test_the_wait_is_said_in_whole_seconds() -> None:
    limit = RateLimit(10)
    took(limit, 500, 0)
    with pytest.raises(RateLimited, match="web-01 may send 10 samples/s") as refused:
        limit.take([a_sample()], 0)
    assert refused.value.retry_after_s == 48
    assert refused.value.as_dict() == {"error": "rate_limited", "detail": "web-01 may send 10 samples/s"}
    with pytest.raises(RateLimited) as refused:
        limit.take([a_sample()], 48 * S - 1)
    assert refused.value.retry_after_s == 1


def test_a_refused_batch_is_not_counted() -> None:
    limit = RateLimit(10)
    took(limit, 30, 0)
    batch = a_run("web-01", 1, range(1_000))
    for _ in range(100):
        with pytest.raises(RateLimited):
            limit.take(batch, 0)
    assert took(limit, 1, S)


def test_producers_do_not_pay_for_each_other() -> None:
    limit = RateLimit(10)
    took(limit, 100, 0, "web-01")
    assert took(limit, 1, 0, "web-02")
    assert not took(limit, 1, 0, "web-01")


def test_a_mixed_batch_is_taken_whole_or_not_at_all() -> None:
    limit = RateLimit(10)
    took(limit, 100, 0, "web-01")
    mixed = [*a_run("web-02", 1, range(30)), *a_run("web-01", 1, range(1))]
    with pytest.raises(RateLimited, match="web-01"):
        limit.take(mixed, 0)
    assert took(limit, 20, 0, "web-02"), "nothing of the refused batch was counted"
    both = [*a_run("db-01", 1, range(15)), *a_run("db-02", 1, range(15)), *a_run("db-01", 1, range(15, 30))]
    limit.take(both, 0)
    assert not took(limit, 1, 0, "db-01")
    assert took(limit, 1, 0, "db-02")


def test_idle_time_is_not_saved_up() -> None:
    limit = RateLimit(10)
    took(limit, 1, 0)
    assert took(limit, 20, 3_600 * S)
    assert took(limit, 1, 3_600 * S)
    assert not took(limit, 1, 3_600 * S)


def test_what_is_remembered_is_bounded() -> None:
    limit = RateLimit(1, most=10)
    assert all(took(limit, 1, 0, f"p-{n}") for n in range(10))
    with pytest.raises(RateLimited, match="10 producers send, 10 may"):
        limit.take(a_run("p-10", 1, range(1)), 0)
    assert len(limit) == 10
    assert took(limit, 1, 0, "p-3"), "those that are known go on"
    assert took(limit, 1, 3 * S, "p-10"), "who owes nothing is forgotten"
    assert len(limit) == 1


@given(
    st.integers(1, 1_000),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3 * S)), min_size=1, max_size=60),
)
def test_no_more_than_the_rate_a_burst_and_one_batch(rate: int, sends: list[tuple[int, int]]) -> None:
    limit, at_us, taken, largest = RateLimit(rate), 0, 0, 0
    for n, pause_us in sends:
        at_us += pause_us
        if n and took(limit, n, at_us):
            taken += n
            largest = max(largest, n)
    assert taken <= rate * (BURST_S + at_us / S) + largest + 1e-6

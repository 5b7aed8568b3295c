"""Delays grow, stay bounded, spread, and honour what the server asks for."""

from __future__ import annotations

from errno import ECONNREFUSED
from random import Random
from socket import gaierror

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_servers.retry import FIRST_DELAY_S, LONGEST_DELAY_S, Backoff, parse_retry_after, reason_of


@given(st.integers(0, 1000), st.integers(1, 60))
def test_delays_stay_within_their_bounds(seed: int, failures: int) -> None:
    backoff = Backoff(Random(seed))
    for failure in range(failures):
        bound_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**failure)
        assert 0 <= backoff.next_delay_s() <= bound_s


def test_delays_use_the_whole_range() -> None:
    delays = []
    for seed in range(400):
        backoff = Backoff(Random(seed))
        for _ in range(10):
            backoff.next_delay_s()
        delays.append(backoff.next_delay_s())
    assert min(delays) < 0.1
    assert max(delays) > 4.9
    assert 2 < sum(delays) / len(delays) < 3


def test_a_success_starts_again() -> None:
    backoff = Backoff(Random(1))
    for _ in range(10):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() <= FIRST_DELAY_S


@given(st.integers(0, 100), st.floats(0, 60))
def test_what_the_server_asks_for_is_kept_to_the_end(seed: int, asked_s: float) -> None:
    delay_s = Backoff(Random(seed)).next_delay_s(asked_s)
    assert asked_s <= delay_s <= asked_s + FIRST_DELAY_S


@pytest.mark.parametrize(
    "value, seconds",
    [
        (None, None),
        ("3", 3.0),
        (" 3 ", 3.0),
        ("0", 0.0),
        ("86400", 60.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Fri, 01 Jan 2038 00:00:30 GMT", 30.0),
        ("Fri, 01 Jan 2038 00:00:30", 30.0),
        ("Thu, 31 Dec 2037 23:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2038 12:00:00 GMT", 60.0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    new_year_2038_s = 2145916800.0
    assert parse_retry_after(value, new_year_2038_s) == seconds


def test_the_reason_is_what_the_system_said() -> None:
    error = RuntimeError("all attempts failed")
    error.__cause__ = RuntimeError("attempt failed")
    error.__cause__.__context__ = ConnectionRefusedError(ECONNREFUSED, "Connect call failed")
    assert reason_of(error) == "Connection refused"
    assert reason_of(ExceptionGroup("", [error])) == "Connection refused"


def test_the_reason_of_a_name_that_does_not_resolve() -> None:
    assert reason_of(gaierror(-2, "Name or service not known")) == "Name or service not known"


def test_the_reason_without_the_system() -> None:
    assert reason_of(ValueError("HTTP 401")) == "HTTP 401"
    assert reason_of(TimeoutError()) == "TimeoutError"

"""The token bucket of odd frames."""

from __future__ import annotations

from lab_runtime.allowance import Allowance


def test_it_lasts_for_as_much_as_it_holds() -> None:
    allowance = Allowance(most=10, per_s=2, now_s=100.0)
    assert all(allowance.spend(1, 100.0) for _ in range(10))
    assert not allowance.spend(1, 100.0)


def test_it_grows_back_and_never_over_full() -> None:
    allowance = Allowance(most=10, per_s=2, now_s=100.0)
    assert allowance.spend(10, 100.0)
    assert allowance.spend(4, 102.0)
    assert not allowance.spend(1, 102.0)
    assert allowance.spend(10, 1_000.0), "full, whatever time went by"
    assert not allowance.spend(1, 1_000.0)


def test_a_cost_below_zero_gives_back() -> None:
    allowance = Allowance(most=10, per_s=0, now_s=0.0)
    assert allowance.spend(9, 0.0)
    assert allowance.spend(-5, 0.0)
    assert allowance.spend(6, 0.0)
    assert not allowance.spend(1, 0.0)

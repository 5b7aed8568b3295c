"""What the connections of a proxy share: turns on the throttled wire, room, the draw of lost replies."""

from __future__ import annotations

from control_plane.faults.proxy_wire import (
    DELAYED_LINE_BYTES,
    LINE_BYTES,
    POOL_BYTES,
    Conditions,
    Way,
    Wire,
)


def wire_with(**conditions: float) -> Wire:
    """A wire under conditions."""
    wire = Wire()
    wire.set(Conditions(**conditions))  # type: ignore[arg-type]
    return wire


def booked(wire: Wire, way: Way, waiting: int, now_s: float) -> tuple[float, int]:
    """A turn, without the last digits of its time."""
    turn = wire.turn(way, waiting, now_s)
    assert turn is not None
    return round(turn[0], 6), turn[1]


def test_nothing_throttles_without_a_throttle() -> None:
    assert wire_with(delay_ms=5).turn(Way.UP, 1_000_000, 0.0) is None


def test_turns_follow_one_another_at_the_rate_each_way_by_itself() -> None:
    wire = wire_with(throttle_bytes_per_s=10_000)
    assert booked(wire, Way.UP, 5_000, 100.0) == (100.05, 500)
    assert booked(wire, Way.UP, 5_000, 100.0) == (100.1, 500)
    assert booked(wire, Way.UP, 5_000, 100.0) == (100.15, 500)
    assert booked(wire, Way.DOWN, 100, 100.0) == (100.01, 100)
    assert booked(wire, Way.UP, 500, 200.0) == (200.05, 500), "an idle wire saves up nothing"


def test_new_conditions_cancel_what_was_booked() -> None:
    wire = wire_with(throttle_bytes_per_s=1)
    wire.turn(Way.UP, 64, 0.0)
    wire.set(Conditions(throttle_bytes_per_s=1_000))
    assert booked(wire, Way.UP, 100, 0.0) == (0.064, 64)


def test_a_line_has_its_own_room_and_for_a_delay_a_share_of_the_pool() -> None:
    assert wire_with().room(0) == LINE_BYTES
    assert wire_with().room(LINE_BYTES) == 0
    delayed = wire_with(delay_ms=100)
    assert delayed.room(LINE_BYTES) == DELAYED_LINE_BYTES - LINE_BYTES
    delayed.hold(POOL_BYTES)
    assert delayed.room(0) == LINE_BYTES, "whoever holds nothing may go on, however full the pool is"
    assert delayed.room(LINE_BYTES) == 0
    assert wire_with(delay_ms=100, throttle_bytes_per_s=9).room(LINE_BYTES) == 0


def test_the_draw_depends_on_the_seed_alone_and_goes_on_while_share_and_seed_stay() -> None:
    def draws(wire: Wire, n: int) -> list[bool]:
        return [wire.swallows() for _ in range(n)]

    whole = draws(wire_with(swallow_replies=0.3, seed=7), 40)
    again = wire_with(swallow_replies=0.3, seed=7)
    first = draws(again, 20)
    again.set(Conditions(swallow_replies=0.3, seed=7, delay_ms=10))
    assert first + draws(again, 20) == whole
    assert again.counts.replies_swallowed == sum(whole)
    assert draws(wire_with(swallow_replies=0.3, seed=8), 40) != whole
    assert draws(wire_with(swallow_replies=1), 5) == [True] * 5
    assert draws(wire_with(), 5) == [False] * 5

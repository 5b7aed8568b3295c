"""Orders to servers: defaults, ranges, and refusals in words."""

from __future__ import annotations

import msgspec
import pytest

from fake_servers.orders import (
    ORDERS,
    Invalid,
    Latency,
    Load,
    Order,
    Plain,
    Spike,
    UnknownServer,
    parse_broadcast,
    parse_order,
)
from metrics_core.errors import Malformed, SchemaViolation


@pytest.mark.parametrize(
    "action, body, order",
    [
        ("start", b"", Plain()),
        ("stop", b"{}", Plain()),
        ("restart", b"", Plain()),
        ("spike", b"", Spike(45, 10)),
        ("spike", b'{"height": 20.5, "for_s": 60}', Spike(20.5, 60)),
        ("load", b"{}", Load(90, 30)),
        ("load", b'{"cpu_percent": 100}', Load(100, 30)),
        ("latency", b"", Latency(200, 30)),
        ("latency", b'{"ms": 5000, "for_s": 1}', Latency(5000, 1)),
        ("invalid", b"", Invalid(5)),
        ("invalid", b'{"n": 100}', Invalid(100)),
    ],
)
def test_what_is_left_out_has_a_default(action: str, body: bytes, order: Order) -> None:
    assert parse_order(action, body) == order
    assert type(order) is ORDERS[action]


@pytest.mark.parametrize(
    "action, body, says",
    [
        ("stop", b'{"for_s": 3}', r"\$: object contains unknown field `for_s`"),
        ("spike", b'{"height": 0}', r"\$\.height: expected a number >= 1"),
        ("spike", b'{"height": 101}', r"\$\.height: expected a number <= 100"),
        ("spike", b'{"for_s": 3.9}', r"\$\.for_s: expected a number >= 4"),
        ("spike", b'{"height": "high"}', r"\$\.height: expected `number`, got `text`"),
        ("load", b'{"cpu_percent": 100.5}', r"\$\.cpu_percent: expected a number <= 100"),
        ("load", b'{"for_s": 3601}', r"\$\.for_s: expected a number <= 3600"),
        ("latency", b'{"ms": 5001}', r"\$\.ms: expected a number <= 5000"),
        ("invalid", b'{"n": 0}', r"\$\.n: expected a number >= 1"),
        ("invalid", b'{"n": 101}', r"\$\.n: expected a number <= 100"),
        ("invalid", b"[]", r"\$: expected `object`, got `array`"),
    ],
)
def test_what_cannot_be_is_refused_by_its_path(action: str, body: bytes, says: str) -> None:
    with pytest.raises(SchemaViolation, match=says):
        parse_order(action, body)


def test_no_json_and_no_such_order() -> None:
    with pytest.raises(Malformed):
        parse_order("spike", b"{")
    with pytest.raises(UnknownServer, match="no order is named 'explode'; there are start, stop"):
        parse_order("explode", b"")


def test_a_broadcast_is_one_line() -> None:
    assert parse_broadcast(msgspec.json.encode({"text": "  Grüße an alle ☂  "})) == "Grüße an alle ☂"


@pytest.mark.parametrize("text", ["", "   ", "two\nlines", "a bell \x07", "x" * 201, "\u202eturned", 5, None])
def test_a_broadcast_that_cannot_be_shown_is_refused(text: object) -> None:
    with pytest.raises(SchemaViolation, match=r"\$\.text: expected"):
        parse_broadcast(msgspec.json.encode({"text": text}))

"""The knobs: what each may be, and that a change is refused whole, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from fake_servers.config import FleetConfig
from fake_servers.knobs import MOST_IN_ALL, Knobs, parse_knobs, ranges
from fake_servers.roles import server_at
from lab_runtime.env import Env
from metrics_core.errors import Malformed, SchemaViolation

CONFIG = FleetConfig.from_env(Env({}))
PRESENT = Knobs.from_config(CONFIG)


def parse(present: Knobs = PRESENT, config: FleetConfig = CONFIG, **body: Any) -> Knobs:
    return parse_knobs(msgspec.json.encode(body), present, config)


def test_at_first_they_stand_as_the_settings_say() -> None:
    assert Knobs(1, 1, "twin", "on", 50) == PRESENT
    other = replace(CONFIG, batch=7, transport="http2", replay=False, servers=3)
    assert Knobs.from_config(other) == Knobs(1, 7, "http2", "off", 3)


def test_what_is_left_out_stays() -> None:
    assert parse() == PRESENT
    assert parse(batch=20) == Knobs(1, 20, "twin", "on", 50)
    everything: dict[str, Any] = {
        "rate_factor": 10,
        "batch": 2,
        "transport": "websocket",
        "replay": "off",
        "servers": 0,
    }
    assert parse(**everything) == Knobs(10, 2, "websocket", "off", 0)


@pytest.mark.parametrize(
    "body, says",
    [
        ({"rate_factor": 2}, r"\$\.rate_factor: invalid enum value 2"),
        ({"batch": 0}, r"\$\.batch: expected a whole number from 1 to 4096, the capacity of an outbox"),
        ({"batch": 4097}, r"\$\.batch: expected a whole number from 1 to 4096"),
        ({"batch": 1.5}, r"\$\.batch: expected `integer`, got `fraction`"),
        ({"transport": "pigeon"}, r"\$\.transport: invalid enum value 'pigeon'"),
        ({"servers": None}, r"\$\.servers: expected `number`, got `null`"),
        ({"replay": True}, r"\$\.replay: expected"),
        ({"servers": -1}, r"\$\.servers: expected a whole number from 0 to 10000"),
        ({"servers": 10_001}, r"\$\.servers: expected a whole number from 0 to 10000"),
        ({"speed": 9}, r"\$: object contains unknown field `speed`"),
    ],
)
def test_what_cannot_be_is_refused_by_its_path(body: dict[str, Any], says: str) -> None:
    with pytest.raises(SchemaViolation, match=says):
        parse(**body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_knobs(body, PRESENT, CONFIG)


def test_a_rate_that_no_server_can_make_is_refused() -> None:
    with pytest.raises(SchemaViolation, match=r"100 times 20 samples/s are 2000/s of each server"):
        parse(config=replace(CONFIG, rate=20.0), rate_factor=100)


def test_a_rate_that_the_fleet_cannot_make_is_refused_however_it_is_asked_for() -> None:
    most = int(MOST_IN_ALL)
    fast = msgspec.structs.replace(PRESENT, rate_factor=100)
    assert parse(fast, servers=most // 100).servers == most // 100
    with pytest.raises(SchemaViolation, match=r"201 servers at 100 samples/s are 20100/s, expected at most"):
        parse(fast, servers=most // 100 + 1)
    with pytest.raises(SchemaViolation, match="fewer servers, or a smaller rate_factor"):
        parse(msgspec.structs.replace(PRESENT, servers=5000), rate_factor=10)


def test_a_fleet_that_was_started_faster_can_still_be_made_smaller() -> None:
    config = replace(CONFIG, rate=500.0, servers=1000)
    present = Knobs.from_config(config)
    assert parse(present, config, servers=999, batch=5).servers == 999
    with pytest.raises(SchemaViolation):
        parse(present, config, servers=1001)


def test_every_knob_has_its_range() -> None:
    told = ranges(CONFIG)
    assert list(told) == list(Knobs.__struct_fields__)
    assert told["batch"] == {"low": 1, "high": 4096, "values": None}
    assert told["rate_factor"] == {"low": None, "high": None, "values": (1, 10, 100)}
    for name in ("transport", "replay"):
        for value in told[name]["values"]:
            assert getattr(parse(**{name: value}), name) == value


@pytest.mark.parametrize(
    "transport, feeds",
    [
        ("twin", (True, True)),
        ("http1", (True, False)),
        ("http2", (True, False)),
        ("websocket", (False, True)),
    ],
)
def test_the_transport_decides_who_is_fed(transport: str, feeds: tuple[bool, bool]) -> None:
    assert parse(transport=transport).feeds == feeds


def test_half_of_each_role_speaks_each_http_version() -> None:
    ways = Counter((server_at(place)[1].name, PRESENT.http_version(place)) for place in range(100))
    for role in ("web", "db", "cache", "worker", "batch"):
        assert ways[role, "http1"] == ways[role, "http2"] > 0
    assert {parse(transport="http2").http_version(place) for place in range(20)} == {"http2"}

"""The table of knobs: what a change may hold, and how the knobs are listed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control_plane.controls.http import decode
from control_plane.controls.keeper import MOST_WORKERS
from control_plane.controls.knobs import BOUNDS, PLACES, KnobChange, listed
from fake_servers.knobs import MOST_SERVERS, RATE_FACTORS, REPLAY, TRANSPORTS
from lab_runtime.env import VARIABLES
from metrics_core.errors import Malformed, RemoteFault, SchemaViolation
from pipeline_websocket.knobs import KnobChange as ChangeOfB


@pytest.mark.parametrize(
    "body, path",
    [
        ({"workers": 9}, "$.workers"),
        ({"workers": -1}, "$.workers"),
        ({"workers": 2.5}, "$.workers"),
        ({"workers": None}, "$.workers"),
        ({"rate_factor": 5}, "$.rate_factor"),
        ({"batch": 0}, "$.batch"),
        ({"transport": "http3"}, "$.transport"),
        ({"ring_capacity": 0}, "$.ring_capacity"),
        ({"compression": "gzip"}, "$.compression"),
        ({"fsync": "sometimes"}, "$.fsync"),
        ({"wokers": 2}, "$: object contains unknown field"),
        ([], "$: expected `object`"),
    ],
)
def test_what_no_knob_can_be_is_refused_by_its_path(body: Any, path: str) -> None:
    with pytest.raises(SchemaViolation) as refused:
        decode(json.dumps(body).encode(), KnobChange)
    assert refused.value.detail.startswith(path)
    assert refused.value.status == 422


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 5000])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(RemoteFault) as refused:
        decode(body, KnobChange)
    assert isinstance(refused.value, Malformed | SchemaViolation)


def test_only_what_is_named_is_wished() -> None:
    assert decode(b'{"fsync": "no", "workers": 0}', KnobChange).wished() == {"workers": 0, "fsync": "no"}
    assert decode(b"{}", KnobChange).wished() == {}


def test_every_knob_has_a_place_a_meaning_and_bounds() -> None:
    assert set(PLACES) == set(BOUNDS) == set(KnobChange.__struct_fields__)
    for name, bounds in BOUNDS.items():
        assert bounds["description"]
        assert "enum" in bounds or {"minimum", "maximum"} <= set(bounds), name


def test_the_bounds_are_those_of_whoever_does_it() -> None:
    assert BOUNDS["workers"]["maximum"] == MOST_WORKERS
    assert BOUNDS["servers"]["maximum"] == MOST_SERVERS
    assert set(BOUNDS["rate_factor"]["enum"]) == set(RATE_FACTORS)
    assert set(BOUNDS["transport"]["enum"]) == set(TRANSPORTS) == set(VARIABLES["LAB_TRANSPORT"].words)
    assert set(BOUNDS["replay"]["enum"]) == set(REPLAY)
    assert set(BOUNDS["fsync"]["enum"]) == set(VARIABLES["LAB_FSYNC"].words)
    assert BOUNDS["ring_capacity"]["maximum"] == VARIABLES["LAB_RING_CAPACITY"].high
    assert {name for name, place in PLACES.items() if place == "pipeline_b"} == set(
        ChangeOfB.__struct_fields__
    )


def test_the_list_tells_values_bounds_and_what_cannot_be_turned() -> None:
    views = {
        view.name: view
        for view in listed({"workers": 2}, {"fsync": "it is yours"}, {"batch": {"high": 64}}).knobs
    }
    assert list(views) == list(PLACES)
    workers, fsync, batch = views["workers"], views["fsync"], views["batch"]
    assert (workers.value, workers.low, workers.high, workers.words) == (2, 0, 8, None)
    assert workers.available
    assert (fsync.value, fsync.available, fsync.why_not) == (None, False, "it is yours")
    assert fsync.words == ["always", "everysec", "no"]
    assert (batch.low, batch.high) == (1, 64)

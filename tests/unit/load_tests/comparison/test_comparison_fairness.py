"""In what runs differ, and what a difference may be put down to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from load_tests.comparison.fairness import attribution, differences
from load_tests.runs.schema import Difference
from tests.unit.load_tests.comparison.planted_blocks import MACHINE, block

ELSEWHERE = msgspec.structs.replace(MACHINE, id="ffff0000", cpu="Other")
EXPECTED = {
    "acknowledgement", "fsync", "protocol", "negotiated", "store", "batch", "producers", "rate", "shape", "schedule",
    "duration", "workers", "ingest processes", "processes", "compression", "TLS", "background load", "machine", "seed",
    "revision", "build", "versions",
}  # fmt: skip


def between(a: str, b: str, **change: Any) -> list[Difference]:
    return differences(block(a), block(b, **change))


def differing(lines: list[Difference]) -> list[str]:
    return [line.factor for line in lines if line.differs]


def test_every_factor_is_shown_whether_it_differs_or_not() -> None:
    lines = between("http1", "http1")
    assert {line.factor for line in lines} >= EXPECTED
    assert not differing(lines)
    assert all(line.baseline == line.arm and not line.effect for line in lines)


@pytest.mark.parametrize(
    "change, factor, arm",
    [
        ({"plan": {"batch": 100}}, "batch", "100 per send"),
        ({"plan": {"producers": 5}}, "producers", "5 connections"),
        ({"plan": {"rate_per_s": 2500.0}}, "rate", "2500 samples/s"),
        ({"plan": {"shape": "burst"}}, "shape", "burst"),
        ({"plan": {"schedule": "constant"}}, "schedule", "constant"),
        ({"plan": {"duration_s": 60.0}}, "duration", "60 s after 2 s of warm-up"),
        ({"plan": {"warmup_s": 0.0}}, "duration", "8 s after 0 s of warm-up"),
        ({"plan": {"generators": 2}}, "generator processes", "2"),
        ({"plan": {"seed": 8}}, "seed", "8"),
        ({"setup": {"acknowledgement": "in Redis"}}, "acknowledgement", "in Redis"),
        ({"setup": {"fsync": "no"}}, "fsync", "no"),
        ({"setup": {"workers": 4}}, "workers", "4"),
        ({"setup": {"ingest_processes": 2}}, "ingest processes", "2"),
        ({"setup": {"processes": 9}}, "processes", "9"),
        ({"setup": {"compression": "deflate"}}, "compression", "deflate"),
        ({"setup": {"tls": True}}, "TLS", "on"),
        ({"setup": {"negotiated": "HTTP/2"}}, "negotiated", "HTTP/2"),
        ({"setup": {"own_lab": False}}, "lab", "ran already"),
        ({"setup": {"background_per_s": 50.0}}, "background load", "50 samples/s"),
        ({"setup": {"build": "other"}}, "build", "other"),
        ({"setup": {"revision": ""}}, "revision", "unknown"),
        ({"setup": {"versions": {"starlette": "2", "valkey": "9.1.2"}}}, "versions", "starlette 2"),
    ],
)
def test_each_factor_alone_is_seen_explained_and_attributed(
    change: dict[str, Any], factor: str, arm: str
) -> None:
    lines = between("http1", "http1", **change)
    assert differing(lines) == [factor]
    line = next(line for line in lines if line.differs)
    assert line.arm == arm
    assert line.effect.endswith(".")
    text, attributable = attribution(lines)
    assert attributable
    assert text.startswith(f"Only the {factor} differs ({line.baseline} → {arm})")


def test_what_only_one_side_uses_is_no_difference_of_versions() -> None:
    assert "versions" not in differing(between("http1", "http1-memory"))


def test_what_follows_from_the_store_counts_as_one_with_it() -> None:
    lines = between("http1", "http1-memory")
    assert differing(lines) == ["store", "acknowledgement", "fsync", "workers", "processes"]
    text, attributable = attribution(lines)
    assert attributable
    assert text == (
        "Only the store differs (redis → memory), so differences may be put down to it, with what follows from it:"
        " acknowledgement, fsync, workers and processes."
    )


def test_what_follows_from_fsync_and_workers_counts_as_one_with_them() -> None:
    assert attribution(between("http1", "http1", setup={"fsync": "no", "acknowledgement": "in Redis"}))[1]
    assert attribution(between("http1", "http1", setup={"workers": 4, "processes": 7}))[1]
    assert not attribution(between("http1", "http1", setup={"workers": 4, "fsync": "no"}))[1]


def test_the_protocol_alone_may_be_held_responsible() -> None:
    for a, b in (("http1", "http2"), ("http1", "websocket-redis"), ("http1-memory", "websocket")):
        text, attributable = attribution(between(a, b))
        assert attributable, text
        assert "protocol" in text
        assert "negotiated" in text


@pytest.mark.parametrize(
    "a, b, crossovers",
    [
        ("http1", "websocket", ("http1-memory (protocol", "websocket-redis (store")),
        ("http2", "websocket", ("http2-memory (protocol", "websocket-redis (store")),
        ("websocket", "http1", ("websocket-redis (protocol", "http1-memory (store")),
    ],
)
def test_two_factors_are_refused_and_the_crossovers_named(
    a: str, b: str, crossovers: tuple[str, str]
) -> None:
    text, attributable = attribution(between(a, b))
    assert not attributable
    assert text.startswith(
        "Protocol and store differ, so a difference can be put down to none of them alone."
    )
    first, second = crossovers
    assert f"add the crossover arm {first} of the baseline" in text
    assert f" or {second} of the baseline" in text


def test_other_factors_are_to_be_made_alike() -> None:
    text, attributable = attribution(between("http1", "http2", plan={"batch": 9}, setup={"tls": True}))
    assert not attributable
    assert text == (
        "Protocol, batch and TLS differ, so a difference can be put down to none of them alone."
        " Run both arms with the same batch and TLS."
    )
    text, _ = attribution(between("http1", "http1", plan={"batch": 9}, setup={"tls": True}))
    assert text.startswith("Batch and TLS differ")


def test_different_machines_explain_nothing() -> None:
    for arm in ("http1", "websocket"):
        text, attributable = attribution(between("http1", arm, machine=ELSEWHERE))
        assert not attributable
        assert "different machines" in text


def test_no_difference_is_no_factor() -> None:
    text, attributable = attribution(between("http1", "http1"))
    assert not attributable
    assert "chance" in text

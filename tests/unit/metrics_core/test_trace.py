"""Traces: what a producer may say beside its batch, whose way it is, and how long a fan-out shows it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.limits import MAX_EXACT_INTEGER
from metrics_core.trace import (
    MOST_SHOWN,
    RecentTraces,
    Trace,
    TraceNote,
    begin,
    decode_note,
    decode_traces,
    encode_traces,
    parse_header,
)
from tests.support.samples import NOW_US, a_run, a_sample


@given(st.integers(0, MAX_EXACT_INTEGER - 1), st.integers(0, MAX_EXACT_INTEGER - 1))
def test_a_header_says_which_sample_and_when(seq: int, sent_us: int) -> None:
    assert parse_header(b"%d@%d" % (seq, sent_us)) == (seq, sent_us)


@pytest.mark.parametrize(
    "value",
    [b"", b"7", b"7@", b"@7", b"-1@5", b"1@2@3", b"1.5@2", b" 1@2", b"1@2\n", b"9007199254740992@1", b"1@" + b"9" * 17,
     "١@٢".encode(), b"1e3@5", b"0x1@5"],
)  # fmt: skip
def test_another_header_says_nothing(value: bytes) -> None:
    assert parse_header(value) is None


def test_a_note_says_the_same_and_nothing_else() -> None:
    note = decode_note(b'{"type": "trace", "producer": "web-01", "epoch": 1, "seq": 7, "sent_us": 5}')
    assert note == TraceNote("web-01", 1, 7, 5)
    for bad in (
        b'{"type": "resume", "producer": "web-01", "epoch": 1}',
        b'{"type": "trace", "producer": "web-01", "epoch": 1, "seq": -1, "sent_us": 5}',
        b'{"type": "trace", "producer": "web-01", "epoch": 1, "seq": 7}',
        b'{"type": "trace", "producer": "web-01", "epoch": 1, "seq": 7, "sent_us": 5, "more": 1}',
    ):
        with pytest.raises(msgspec.ValidationError):
            decode_note(bad)


def test_a_trace_begins_with_its_sample() -> None:
    batch = [a_sample("a", 1, 7), *a_run("b", 2, range(9), sampled_at_us=NOW_US - 5)]
    trace = begin(batch, 7, 1, 2, 3)
    assert trace == Trace("a", 1, 7, NOW_US, [("sent", 1), ("received", 2), ("decoded", 3)])
    named = begin(batch, 7, 1, 2, 3, ("b", 2))
    assert named is not None
    assert (named.identity, named.sampled_at_us) == (("b", 2, 7), NOW_US - 5)
    assert begin(batch, 9, 1, 2, 3) is None
    assert begin(batch, 7, 1, 2, 3, ("b", 1)) is None


def test_traces_travel_as_they_are() -> None:
    trace = Trace("a", 1, 7, NOW_US, [("sent", 1), ("decoded", 3)])
    assert decode_traces(encode_traces([trace])) == [trace]


def applied(seq: int, at_us: int) -> Trace:
    return Trace("a", 1, seq, at_us - 900, [("sent", at_us - 800), ("applied", at_us)])


def test_a_trace_is_published_once_and_shown_until_newer_ones_come() -> None:
    recent = RecentTraces(NOW_US)
    for tick in range(20):
        now_us = NOW_US + tick * 250_000
        recent.publish([applied(tick, now_us)], now_us + 7)
        assert [trace.seq for trace in recent.newest] == list(range(max(0, tick - MOST_SHOWN + 1), tick + 1))
    for trace in recent.newest:
        assert [name for name, _ in trace.hops] == ["sent", "applied", "published"]
        assert trace.hops[-1][1] == trace.hops[-2][1] + 7


def test_what_was_applied_while_nobody_looked_is_never_published() -> None:
    recent = RecentTraces(NOW_US)
    recent.publish([applied(0, NOW_US - 1), applied(1, NOW_US)], NOW_US + 5)
    assert [trace.seq for trace in recent.newest] == [1], "the one before is of the process before"
    recent.nobody_looks(NOW_US + 1_000)
    assert recent.newest == []
    recent.publish([applied(2, NOW_US + 999), applied(3, NOW_US + 1_001)], NOW_US + 2_000)
    assert [trace.seq for trace in recent.newest] == [3]

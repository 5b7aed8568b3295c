"""Which samples the fleet traces: about two a second, every server in its turn, found again by both links."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from fake_servers import trace as module
from fake_servers.history import History
from fake_servers.signals import Reading
from fake_servers.trace import EVERY_US, REMEMBERED, TraceChoice, trace_header, trace_note
from metrics_core.trace import HEADER, TraceNote, decode_note, parse_header
from tests.support.samples import NOW_US

READING = Reading(1.0, 2.0, 3.0, 4, 5)


def chosen(choice: TraceChoice, history: History) -> int | None:
    return choice.among(history, [(0, history.next_seq - 1)]) if history.next_seq else None


def take(choice: TraceChoice, history: History, at_us: int) -> bool:
    """Take a sample; whether it is the one that is traced."""
    seq = history.append(at_us, READING)
    choice.offer(history, at_us)
    return choice.among(history, [(seq, seq)]) == seq


def test_about_two_a_second_of_servers_in_no_fixed_turn() -> None:
    choice = TraceChoice()
    fleet = [History(f"web-{n}", 1, 100) for n in range(50)]
    traced: Counter[str] = Counter()
    for second in range(200):
        for n, history in enumerate(fleet):
            traced[history.producer] += take(choice, history, NOW_US + second * 1_000_000 + n * 20_000)
    assert 380 <= traced.total() <= 420
    assert len(+traced) == 50, "each of them"
    assert max(traced.values()) < 30


def test_a_lone_slow_server_is_traced_each_time() -> None:
    choice, history = TraceChoice(), History("web-01", 1, 100)
    assert all(take(choice, history, NOW_US + n * 60_000_000) for n in range(5))


def test_after_the_clock_was_set_back_it_goes_on() -> None:
    choice, history = TraceChoice(), History("web-01", 1, 100)
    assert take(choice, history, NOW_US)
    assert not take(choice, history, NOW_US - EVERY_US // 4)
    assert take(choice, history, NOW_US - 3_600_000_000)
    assert not take(choice, history, NOW_US - 3_600_000_000 + 1)


def test_only_a_parcel_that_holds_it_is_traced() -> None:
    choice, history = TraceChoice(), History("web-01", 7, 100)
    take(choice, history, NOW_US)
    for n in range(1, 10):
        take(choice, history, NOW_US + n)
    assert choice.among(history, [(5, 9), (0, 2)]) == 0
    assert choice.among(history, [(1, 9)]) is None
    assert choice.among(History("web-01", 8, 100), [(0, 9)]) is None, "another life"
    assert choice.among(History("web-02", 7, 100), [(0, 9)]) is None


def test_what_is_remembered_is_bounded() -> None:
    choice = TraceChoice()
    fleet = [History(f"web-{n}", 1, 100) for n in range(REMEMBERED + 5)]
    for n, history in enumerate(fleet):
        assert take(choice, history, NOW_US + n * 2 * EVERY_US)
    assert [chosen(choice, history) for history in fleet] == [None] * 5 + [0] * REMEMBERED


def test_both_ways_of_saying_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "now_us", lambda: NOW_US)
    assert trace_header(None) is None
    header = trace_header(7)
    assert header is not None
    assert parse_header(header[HEADER].encode()) == (7, NOW_US)
    note = trace_note(History("web-01", 3, 100), 7)
    assert decode_note(note) == TraceNote("web-01", 3, 7, NOW_US)
    assert orjson.loads(note)["type"] == "trace"

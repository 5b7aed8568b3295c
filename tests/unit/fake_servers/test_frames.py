"""Frames are counted as the protocol says, and what the other side may not say is a named fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_servers.frames import Ack, FrameWindow, Reject, Resume, decode
from fake_servers.outbox import Parcel
from fake_servers.retry import LinkFault


def window_of(frames: int) -> FrameWindow:
    window = FrameWindow()
    for frame in range(frames):
        window.sent([(frame, frame)], float(frame))
    return window


def test_an_ack_is_cumulative() -> None:
    window = window_of(5)
    assert window.ack(2) == [[(0, 0)], [(1, 1)]]
    assert window.ack(2) == []
    assert window.ack(1) == []
    assert window.ack(5) == [[(2, 2)], [(3, 3)], [(4, 4)]]
    assert len(window) == 0


def test_an_ack_counts_rejected_frames_but_does_not_ack_them() -> None:
    window = window_of(3)
    assert window.reject(1) == [(1, 1)]
    assert window.ack(3) == [[(0, 0)], [(2, 2)]]


def test_copies_are_counted_and_settle_nothing() -> None:
    window = FrameWindow()
    for copy in (False, True, True):
        window.sent([(0, 4)], 0.0, copy)
    window.sent([(5, 5)], 1.0)
    window.sent([(5, 5)], 1.0, copy=True)
    assert window.ack(2) == [[(0, 4)]]
    assert window.copies_acked == 5
    assert window.reject(4) is None
    assert window.ack(5) == [[(5, 5)]]
    assert window.copies_acked == 10


def test_numbers_go_on_after_an_ack() -> None:
    window = window_of(3)
    window.ack(2)
    window.sent([(9, 9)], 9.0)
    assert window.reject(3) == [(9, 9)]
    assert window.ack(4) == [[(2, 2)]]


@pytest.mark.parametrize("frame", [0, 3, 99])
def test_a_reject_for_a_frame_that_is_not_in_flight_is_a_fault(frame: int) -> None:
    window = window_of(3)
    window.ack(1)
    with pytest.raises(LinkFault, match=f"frame {frame}, which is not in flight"):
        window.reject(frame)


def test_a_second_reject_of_a_frame_is_a_fault() -> None:
    window = window_of(1)
    window.reject(0)
    with pytest.raises(LinkFault):
        window.reject(0)


def test_an_ack_for_more_than_was_sent_is_a_fault() -> None:
    with pytest.raises(LinkFault, match="ack for 3 frames where 2 were sent"):
        window_of(2).ack(3)


def test_the_oldest_frame_sets_the_deadline() -> None:
    window = window_of(3)
    assert window.oldest_s() == 0.0
    window.ack(2)
    assert window.oldest_s() == 2.0
    window.ack(3)
    assert window.oldest_s() is None


@given(st.lists(st.sampled_from(["send", "ack", "reject"]), max_size=60), st.randoms(use_true_random=False))
def test_every_frame_is_acked_or_rejected_once(steps: list[str], random: object) -> None:
    window, sent, answered, fates = FrameWindow(), 0, 0, dict[int, str]()
    draw = random.randint  # type: ignore[attr-defined]

    def note(parcel: Parcel, fate: str) -> None:
        (frame, _), *_ = parcel
        assert frame not in fates
        fates[frame] = fate

    for step in steps:
        if step == "send":
            window.sent([(sent, sent)], 0.0)
            sent += 1
        elif step == "ack":
            answered = draw(answered, sent)
            for parcel in window.ack(answered):
                note(parcel, "acked")
        elif answered < sent and (frame := draw(answered, sent - 1)) not in fates:
            note(window.reject(frame) or [], "rejected")
    for parcel in window.ack(sent):
        note(parcel, "acked")
    assert sorted(fates) == list(range(sent))


def test_the_three_messages() -> None:
    assert decode(b'{"type":"ack","frames":128}') == Ack(128)
    assert decode(b'{"type":"reject","frame":1,"error":"schema","detail":"$"}') == Reject(1, "schema", "$")
    assert decode(b'{"type":"resume","next_seq":7}') == Resume(7)
    assert decode(b'{"type":"resume","next_seq":7,"held":[[0,6],[9,9]]}') == Resume(7, [(0, 6), (9, 9)])
    assert decode(b'{"type":"resume","next_seq":0,"held":[],"more":1}') == Resume(0, [])


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"ack",
        b"[]",
        b'{"type":"snapshot"}',
        b'{"frames":1}',
        b'{"type":"ack","frames":-1}',
        b'{"type":"ack","frames":1.5}',
        b'{"type":"ack"}',
        b'{"type":"resume","next_seq":0,"held":[[1]]}',
        b'{"type":"reject","frame":"0","error":"schema"}',
        b'{"type":"reject","frame":0,"error":"\xff"}',
        b"[" * 100_000,
    ],
)
def test_any_other_message_is_a_fault(message: bytes) -> None:
    with pytest.raises(LinkFault, match="message not understood"):
        decode(message)

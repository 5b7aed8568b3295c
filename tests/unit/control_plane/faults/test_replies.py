"""Which bytes count as a reply: the opening of a connection passes, what answers a request does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.faults.replies import Talk

UPGRADE = b"GET /v1/ingest HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8


def command(*words: bytes) -> bytes:
    """A Redis command (RESP)."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """An HTTP/2 frame (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, 0]) + (0).to_bytes(4, "big") + payload


def talk_of(first: bytes) -> Talk:
    """A connection whose client began like this."""
    talk = Talk()
    talk.asked(first)
    return talk


@pytest.mark.parametrize(
    "first", [b"POST /v1/samples HTTP/1.1\r\n\r\n", b"GET /v1/ledger HTTP/1.1\r\n\r\n", b"?"]
)
def test_http1_and_whatever_is_unknown_have_no_opening(first: bytes) -> None:
    assert talk_of(first).is_reply(b"HTTP/1.1 202 Accepted\r\n\r\n")


def test_the_upgrade_to_websocket_and_the_first_message_pass_and_what_follows_is_a_reply() -> None:
    talk = talk_of(UPGRADE)
    assert not talk.is_reply(SWITCHING[:20])
    assert not talk.is_reply(SWITCHING[20:])
    assert not talk.is_reply(b"\x81\x02{}")
    assert talk.is_reply(b"\x81\x02{}")


def test_a_message_that_comes_with_the_upgrade_is_the_first() -> None:
    talk = talk_of(UPGRADE)
    assert not talk.is_reply(SWITCHING + b"\x81\x02{}")
    assert talk.is_reply(b"\x81\x02{}")


def test_redis_opens_with_commands_of_its_own() -> None:
    talk = talk_of(command(b"HELLO", b"3") + command(b"CLIENT", b"SETINFO", b"LIB-NAME", b"x"))
    assert not talk.is_reply(b"%7\r\n")
    talk.asked(command(b"client", b"setinfo", b"LIB-VER", b"1"))
    assert not talk.is_reply(b"+OK\r\n")
    talk.asked(command(b"INCR", b"key"))
    assert talk.is_reply(b":1\r\n")
    talk.asked(command(b"CLIENT", b"ID"))
    assert talk.is_reply(b":7\r\n"), "the opening is over"


@given(st.lists(st.sampled_from([SETTINGS, PING, WINDOW_UPDATE]), max_size=4), st.integers(0, 40), st.data())
def test_http2_is_a_reply_from_its_first_headers_on_however_it_is_cut(
    opening: list[int], length: int, data: st.DataObject
) -> None:
    before = b"".join(frame(kind, bytes(length)) for kind in opening)
    reply = frame(HEADERS, bytes(length)) + frame(DATA, bytes(length))
    talk = talk_of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    at = 0
    cuts = sorted(data.draw(st.lists(st.integers(0, len(before)), max_size=5))) if before else []
    for cut in [*cuts, len(before)]:
        assert not talk.is_reply(before[at:cut])
        at = cut
    parts = [reply[: data.draw(st.integers(9, len(reply)))]]
    parts.append(reply[len(parts[0]) :])
    assert talk.is_reply(parts[0])
    assert not parts[1] or talk.is_reply(parts[1])

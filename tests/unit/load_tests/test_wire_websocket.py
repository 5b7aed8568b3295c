"""The generator's WebSocket frames against the library that defines the protocol."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from load_tests.wire import websocket
from load_tests.wire.channel import Refusal, ReplyError
from load_tests.wire.websocket import WebSocketChannel, encode_frame
from tests.support.fake_socket import Connect, FakeSocket


class WebSocketServer:
    """The websockets library's protocol as the server behind a fake socket."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol()
        self.frames: list[bytes] = []

    def __call__(self, piece: bytes) -> bytes:
        self.protocol.receive_data(piece)
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                if event.opcode is Opcode.TEXT:
                    self.frames.append(bytes(event.data))
            elif isinstance(event, Request):
                self.protocol.send_response(self.protocol.accept(event))
        return b"".join(self.protocol.data_to_send())

    def say(self, message: object) -> bytes:
        self.protocol.send_text(orjson.dumps(message))
        return b"".join(self.protocol.data_to_send())


def websocket_channel(
    connects_to: Connect, **options: Any
) -> tuple[WebSocketChannel, WebSocketServer, FakeSocket]:
    server = WebSocketServer()
    sock = FakeSocket(server)
    connects_to(websocket, sock)
    return WebSocketChannel("127.0.0.1", 8768, **options), server, sock


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_websocket_frames_are_valid_at_every_length(connects_to: Connect, size: int) -> None:
    channel, server, _ = websocket_channel(connects_to)
    assert channel.send(b"x" * size)
    assert server.frames == [b"x" * size]


def test_websocket_acks_are_cumulative(connects_to: Connect) -> None:
    channel, server, sock = websocket_channel(connects_to, frames=4)
    assert [channel.send(b"[1]") for _ in range(5)] == [True, True, True, True, False]
    sock.incoming += server.say({"type": "ack", "frames": 3})
    assert (len(channel.receive()), channel.in_flight) == (3, 1)
    sock.incoming += server.say({"type": "ack", "frames": 4})
    assert (len(channel.receive()), channel.in_flight) == (1, 0)


def test_websocket_answers_in_any_pieces(connects_to: Connect) -> None:
    channel, server, sock = websocket_channel(connects_to)
    for _ in range(300):
        channel.send(b"[1]")
    wire = b"".join(server.say({"type": "ack", "frames": n, "x": "y" * 200}) for n in (100, 200, 300))
    done = 0
    for start in range(0, len(wire), 7):
        sock.incoming = wire[start : start + 7]
        done += len(channel.receive())
    assert (done, channel.in_flight) == (300, 0)


def test_websocket_answers_pings(connects_to: Connect) -> None:
    channel, server, sock = websocket_channel(connects_to)
    server.protocol.send_ping(b"hello")
    sock.incoming += b"".join(server.protocol.data_to_send())
    sent = len(sock.sent)
    assert len(channel.receive()) == 0
    assert sock.sent[sent:] == encode_frame(b"hello", 0x8A)


def test_websocket_rejects_are_told_by_number_and_no_ack_covers_them(connects_to: Connect) -> None:
    channel, server, sock = websocket_channel(connects_to)
    for _ in range(4):
        channel.send(b"[]")
    sock.incoming += server.say({"type": "reject", "frame": 1, "error": "schema", "detail": "$"})
    sock.incoming += server.say({"type": "reject", "frame": 2, "error": "backlog_full", "detail": "full"})
    sock.incoming += server.say({"type": "ack", "frames": 3})
    assert (list(channel.receive()), channel.in_flight) == ([0], 1)
    assert channel.refused == [Refusal(1, True, "schema"), Refusal(2, False, "backlog_full")]
    sock.incoming += server.say({"type": "ack", "frames": 4})
    assert (list(channel.receive()), channel.in_flight) == ([3], 0)


def test_websocket_a_close_or_an_unknown_answer_voids_the_run(connects_to: Connect) -> None:
    channel, server, sock = websocket_channel(connects_to)
    sock.incoming += server.say({"type": "hello"})
    with pytest.raises(ReplyError, match="hello"):
        channel.receive()
    server.protocol.send_close(1001, "going away")
    sock.incoming += b"".join(server.protocol.data_to_send())
    with pytest.raises(ReplyError, match="going away"):
        channel.receive()


def test_websocket_without_a_handshake(connects_to: Connect) -> None:
    sock = FakeSocket(lambda piece: b"HTTP/1.1 404 Not Found\r\n\r\n")
    connects_to(websocket, sock)
    with pytest.raises(ReplyError, match=r"no WebSocket: HTTP/1\.1 404"):
        WebSocketChannel("127.0.0.1", 8768)


def test_websocket_a_peer_that_never_answers(connects_to: Connect) -> None:
    channel, server, _ = websocket_channel(connects_to, frames=2, acknowledged=False)
    assert all(channel.send(b"[1]") for _ in range(10))
    assert (channel.in_flight, len(server.frames)) == (0, 10)

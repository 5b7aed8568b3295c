"""WebSocket peers that begin and do not end, flood, or send bombs: on pipeline B's port, and where it fits on feeds."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable
from typing import Final

import pytest

from load_tests.wire.websocket import encode_frame
from metrics_core.limits import MAX_BATCH_BYTES
from metrics_core.wire import encode_batch
from tests.support.gauges import Held
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import BINARY, CLOSE, PING, PONG, TEXT, RawWebSocket
from tests.support.samples import a_sample
from tests.support.waiting import until

FINAL: Final = 0x80
CONT: Final = 0x0
CUT_WITHIN_S: Final = 10.5


def test_handshakes_that_do_not_end_are_cut(pipelines: Pipelines) -> None:
    """On both WebSocket ports; 100 at once, each another part of the head."""
    held = [Held(pipelines, port) for port in (pipelines.websocket_port, pipelines.fanout_port)]
    head = b"GET /v1/feed HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    begun_s = time.monotonic()
    connections = []
    for number in range(100):
        port = (pipelines.websocket_port, pipelines.fanout_port)[number % 2]
        sock = socket.create_connection(("127.0.0.1", port), timeout=CUT_WITHIN_S + 5)
        sock.sendall(head[: number % len(head)])
        connections.append(sock)
    for sock in connections:
        while sock.recv(4_096):
            """An answer may come first (408 or 400)."""
        sock.close()
    assert time.monotonic() - begun_s < CUT_WITHIN_S
    for each in held:
        each.comes_back()


SLOW: Final[dict[str, list[bytes]]] = {
    "a large frame": [encode_frame(b" " * 100_000)[:1_000]] + [b" "] * 40,
    "a large message of small frames": [encode_frame(b" ", TEXT)] + [encode_frame(b" ", CONT)] * 40,
}


def test_frames_and_messages_that_do_not_end_are_cut(pipelines: Pipelines) -> None:
    """Both at once: each takes its ten seconds."""
    port = pipelines.websocket_port
    cut = pipelines.metric("slow_connections_cut_total", port)
    with RawWebSocket(port, "/v1/ingest") as frame, RawWebSocket(port, "/v1/ingest") as message:
        pairs = list(zip(*SLOW.values(), strict=True))
        begun_s = time.monotonic()
        alive = [frame, message]
        for pieces in pairs:
            for connection, piece in zip((frame, message), pieces, strict=True):
                if connection in alive and not still_open(connection, piece):
                    alive.remove(connection)
            if not alive:
                break
        assert not alive, "cut"
        assert 5 < time.monotonic() - begun_s < CUT_WITHIN_S
    assert pipelines.metric("slow_connections_cut_total", port) == cut + 2


def still_open(connection: RawWebSocket, piece: bytes) -> bool:
    """Send a piece, wait a quarter of a second; whether the server still holds the connection."""
    connection.sock.settimeout(0.25)
    try:
        connection.sock.sendall(piece)
        return bool(connection.sock.recv(4_096))
    except TimeoutError:
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def test_a_slow_but_whole_frame_is_taken(pipelines: Pipelines) -> None:
    """The bound is on a frame, not on a connection: pieces of honest frames over a slow line do no harm."""
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as producer:
        for seq in range(12):
            frame = encode_frame(encode_batch([a_sample("slow-line", 1, seq)]))
            for first in range(0, len(frame), 60):
                assert still_open(producer, frame[first : first + 60]) or seq
        producer.sock.settimeout(10)
    until(lambda: pipelines.processed("slow-line", "websocket") == [[0, 11]], "all are taken")


# -- floods ----------------------------------------------------------------------------------------------------------


def pings(path: str) -> bytes:
    return encode_frame(b"x" * 125, FINAL | PING) * 20_000


def pongs(path: str) -> bytes:
    return encode_frame(b"", FINAL | PONG) * 50_000


def empty_fragments(path: str) -> bytes:
    return encode_frame(b"", TEXT) + encode_frame(b"", CONT) * 50_000


def tiny_fragments(path: str) -> bytes:
    return encode_frame(b" ", TEXT) + encode_frame(b" ", CONT) * 50_000


@pytest.mark.parametrize("flood", [pings, pongs, empty_fragments, tiny_fragments], ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", ["ingest", "feed of A", "feed of B"])
def test_a_flood_ends_its_connection(pipelines: Pipelines, flood: Callable[[str], bytes], place: str) -> None:
    port = pipelines.fanout_port if place == "feed of A" else pipelines.websocket_port
    path = "/v1/ingest" if place == "ingest" else "/v1/feed"
    server = pipelines["fanout" if place == "feed of A" else "websocket"]
    memory, held = server.rss_bytes, Held(pipelines, port)
    with (
        RawWebSocket(pipelines.websocket_port, "/v1/ingest") as neighbour,
        RawWebSocket(port, path) as attacker,
    ):
        try:
            attacker.sock.sendall(flood(path))
            code = attacker.close_code()
        except (BrokenPipeError, ConnectionResetError):
            code = 1006
        assert code in (1006, 1008, 1009)
        neighbour.send(encode_batch([a_sample(f"beside-{flood.__name__}")]))
        assert neighbour.verdicts(1) == {}
    assert server.rss_bytes - memory < 16 * 2**20
    held.comes_back()


# -- bombs and nonsense ----------------------------------------------------------------------------------------------


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(bytes(megabytes * 2**20)) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]


@pytest.mark.parametrize("offer", ["", "permessage-deflate; client_max_window_bits"])
def test_a_compression_bomb_is_not_inflated(pipelines: Pipelines, offer: str) -> None:
    """Nothing is negotiated, so a compressed frame is an error before it is looked into."""
    memory = pipelines["websocket"].rss_bytes
    headers = {"Sec-WebSocket-Extensions": offer} if offer else {}
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest", headers) as attacker:
        attacker.send(bomb(200), rsv1=True)
        assert attacker.close_code() == 1002
    assert pipelines["websocket"].rss_bytes - memory < 8 * 2**20


NONSENSE: Final[dict[str, tuple[bytes, int]]] = {
    "not masked": (b"\x81\x02{}", 1002),
    "a reserved opcode": (encode_frame(b"{}", FINAL | 0x3), 1002),
    "a reserved bit": (encode_frame(b"{}", FINAL | TEXT | 0x20), 1002),
    "a continuation of nothing": (encode_frame(b"{}", FINAL | CONT), 1002),
    "a text in a text": (encode_frame(b"{", TEXT) + encode_frame(b"}", FINAL | TEXT), 1002),
    "a ping in parts": (encode_frame(b"x", PING), 1002),
    "a long ping": (encode_frame(b"x" * 126, FINAL | PING), 1002),
    "a frame of 2^63 bytes": (b"\x82\xff" + b"\xff" * 8 + b"mask", 1009),
    "a frame of 5 MB announced": (b"\x82\xff" + (5 * 2**20).to_bytes(8, "big") + b"mask", 1009),
    "a message of 5 MB in parts": (
        encode_frame(b" " * MAX_BATCH_BYTES, BINARY) + encode_frame(b" " * 2**20, FINAL | CONT),
        1009,
    ),
    "a close with one byte": (encode_frame(b"x", FINAL | CLOSE), 1002),
    "a close with a code that is none": (encode_frame(b"\x00\x01", FINAL | CLOSE), 1002),
    "a close with a reason that is not UTF-8": (encode_frame(b"\x03\xe8\xff", FINAL | CLOSE), 1007),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_ends_the_connection_by_name(pipelines: Pipelines, name: str) -> None:
    sent, code = NONSENSE[name]
    with RawWebSocket(pipelines.websocket_port, "/v1/ingest") as attacker:
        try:
            attacker.sock.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            """It ended while we still sent: what counts is the code."""
        assert attacker.close_code() in (code, 1006) if len(sent) > 2**20 else attacker.close_code() == code


@pytest.mark.parametrize("place", ["feed of A", "feed of B"])
def test_a_dashboard_has_nothing_to_say(pipelines: Pipelines, place: str) -> None:
    port = pipelines.fanout_port if place == "feed of A" else pipelines.websocket_port
    with RawWebSocket(port, "/v1/feed") as talker:
        talker.send(b"hello")
        assert talker.close_code() == 1008
    with RawWebSocket(port, "/v1/feed") as talker:
        talker.send(b" " * 100_000)
        assert talker.close_code() == 1009
    with RawWebSocket(port, "/v1/feed") as reader:
        reader.receive()
        reader.send(b"\x03\xe8", CLOSE)
        assert reader.close_code() == 1000, "it may say goodbye"

"""Bytes on the wire as the kernel counts them, against a packet capture of the same connections."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import timeit
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final

import pytest

from load_tests.wire.bodies import ProducerBodies
from load_tests.wire.channel import Channel
from load_tests.wire.engine import Engine
from load_tests.wire.http1 import Http1Channel
from load_tests.wire.http2 import Http2Channel
from load_tests.wire.packets import SocketCount, closing_bytes, handshake_bytes, read
from load_tests.wire.websocket import WebSocketChannel
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.waiting import until

EVERY_PROTOCOL: Final = 0x0003  # ETH_P_ALL
SO_ATTACH_FILTER: Final = 26
SO_RCVBUFFORCE: Final = 33
PACKET_STATISTICS: Final = 6
SOL_PACKET: Final = 263
WITHIN: Final = 0.01

needs_root = pytest.mark.skipif(
    not hasattr(socket, "AF_PACKET") or os.geteuid() != 0,
    reason="a packet capture needs Linux and root (CI has both)",
)


class Capture:
    """The packets between one port of this machine and its clients, counted as they pass through loopback.

    Each packet is seen twice there, going out and coming in; the kernel's filter passes those that come in on, and of
    those only TCP from or to the port.

    Attributes:
        to_port, from_port: What clients and what the port sent.
        to_payloads: The payload of each packet of a client.
        packets: Of both directions.
        closed: How many sides said that they will send no more.
    """

    def __init__(self, port: int, family: int = socket.AF_INET) -> None:
        self._port, self._family = port, family
        self.to_port = self.from_port = SocketCount()
        self.to_payloads: list[int] = []
        self.packets = self.closed = 0
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # nothing before the filter is there
        self._filter(port)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * 2**20)
        self._sock.bind(("lo", EVERY_PROTOCOL))

    def _filter(self, port: int) -> None:
        """Classic BPF: of offset, true and false jumps, constant; the frame begins with Ethernet's 14 bytes."""
        ip_bytes = 20 if self._family == socket.AF_INET else 40  # loopback adds no options
        ether_type, protocol_at = (0x0800, 23) if ip_bytes == 20 else (0x86DD, 20)
        program = [
            (0x20, 0, 0, 0xFFFFF000 + 4),  # the kind of packet: 0, PACKET_HOST, is one that comes in
            (0x15, 0, 9, socket.PACKET_HOST),
            (0x28, 0, 0, 12),
            (0x15, 0, 7, ether_type),
            (0x30, 0, 0, protocol_at),
            (0x15, 0, 5, socket.IPPROTO_TCP),
            (0x28, 0, 0, 14 + ip_bytes),
            (0x15, 2, 0, port),
            (0x28, 0, 0, 14 + ip_bytes + 2),
            (0x15, 0, 1, port),
            (0x06, 0, 0, 128),  # the headers are enough
            (0x06, 0, 0, 0),
        ]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
        self._sock.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
        )

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._sock.close()

    def look(self) -> int:
        """Count what has come; the number of packets so far."""
        while select.select([self._sock], [], [], 0)[0]:
            self._count(self._sock.recv(128))
        statistics = self._sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        _, dropped = struct.unpack("=II", statistics)
        assert not dropped, "the capture is not complete"
        return self.packets

    def _count(self, frame: bytes) -> None:
        if self._family == socket.AF_INET:
            ip_bytes = (frame[14] & 0xF) * 4
            packet_bytes = int.from_bytes(frame[16:18], "big")
        else:
            ip_bytes = 40
            packet_bytes = 40 + int.from_bytes(frame[18:20], "big")
        tcp = frame[14 + ip_bytes :]
        source_port = int.from_bytes(tcp[:2], "big")
        payload = packet_bytes - ip_bytes - (tcp[12] >> 4) * 4
        self.packets += 1
        self.closed += tcp[13] & 1
        if source_port == self._port:
            self.from_port = self.from_port.plus(
                SocketCount(received_payload=payload, received_bytes=packet_bytes)
            )
        else:
            self.to_payloads.append(payload)
            self.to_port = self.to_port.plus(SocketCount(sent_payload=payload, sent_bytes=packet_bytes))

    @property
    def count(self) -> SocketCount:
        """As the clients' kernel should have counted it."""
        return self.to_port.plus(self.from_port)


def now(sock: socket.socket) -> SocketCount:
    found = read(sock)
    assert found is not None, "this kernel does not tell"
    return found


def agreed(capture: Capture, sock: socket.socket) -> SocketCount:
    """Wait until the last acknowledgement has passed both; give the kernel's count.

    Raises:
        AssertionError: They differ by more than 1 % in any figure.
    """

    def differences() -> list[float]:
        capture.look()
        told, seen = now(sock), capture.count
        return [
            abs(getattr(told, name) - getattr(seen, name)) / max(1, getattr(seen, name))
            for name in SocketCount.__slots__
        ]

    until(lambda: max(differences()) <= WITHIN, f"agreement within 1 % of {capture.count}, {now(sock)}", 5)
    return now(sock)


@pytest.fixture(scope="module")
def running() -> Iterator[Pipelines]:
    """Both pipelines."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=1)
        pipelines.start("websocket")
        yield pipelines


CHANNELS: Final[dict[str, Callable[[Pipelines], Channel]]] = {
    "http1": lambda pipelines: Http1Channel("127.0.0.1", pipelines.ingest_port),
    "http2": lambda pipelines: Http2Channel("127.0.0.1", pipelines.ingest_port),
    "websocket": lambda pipelines: WebSocketChannel("127.0.0.1", pipelines.websocket_port),
}


@needs_root
@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize("protocol", CHANNELS)
def test_the_kernel_counts_what_a_capture_sees(running: Pipelines, protocol: str, batch: int) -> None:
    """Also after the end of the connection, whose closing cannot be read any more."""
    port = running.websocket_port if protocol == "websocket" else running.ingest_port
    with Capture(port) as capture:
        channel = CHANNELS[protocol](running)
        sock = channel.sock
        engine = Engine([channel], [ProducerBodies(f"bytes-{protocol}-{batch}", 1, batch)])
        engine.run_open(rate_per_s=200, seconds=1.0, seed=1)
        told = agreed(capture, sock)
        assert told.sent_payload > 100 * batch * 150, "that many samples, each of them so long at least"
        assert told.sent_bytes > told.sent_payload
        assert told.received_bytes > told.received_payload > 0
        expected_end = told.both_ways + closing_bytes(sock)
        engine.close()
        until(lambda: capture.look() and capture.closed == 2, "the connection is closed")
        assert capture.count.both_ways == pytest.approx(expected_end, rel=WITHIN)


@needs_root
def test_two_reads_give_what_came_between(running: Pipelines) -> None:
    with Capture(running.ingest_port) as capture:
        channel = CHANNELS["http1"](running)
        bodies = ProducerBodies("bytes-between", 1, 10)
        engine = Engine([channel], [bodies])
        engine.run_open(100, 0.2, seed=1)
        first = agreed(capture, channel.sock)
        seen = capture.count
        engine.run_open(100, 0.5, seed=2)
        second = agreed(capture, channel.sock)
        told, between = second.minus(first), capture.count.minus(seen)
        engine.close()
    assert told.sent_payload == between.sent_payload
    assert told.both_ways == pytest.approx(between.both_ways, rel=WITHIN)


def carry(client: socket.socket, accepted: socket.socket, size: int) -> None:
    """Write and read so many bytes."""
    client.setblocking(False)
    left, received = memoryview(b"x" * size), 0
    while received < size:
        readable, writable, _ = select.select([accepted], [client] if left else [], [], 5)
        if writable:
            left = left[client.send(left) :]
        if readable:
            received += len(accepted.recv(2**20))


@needs_root
@pytest.mark.parametrize("family, host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_large_writes_and_both_families(family: int, host: str) -> None:
    size = 1_000_000
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with Capture(port, family) as capture, socket.create_connection((host, port)) as client:
            accepted, _ = server.accept()
            with accepted:
                opened = now(client)
                assert opened.both_ways + closing_bytes(client) == handshake_bytes(client)
                carry(client, accepted, size)
                told = agreed(capture, client)
    assert told.sent_payload == size == capture.count.sent_payload
    assert told.both_ways == pytest.approx(capture.count.both_ways, rel=0.002)


@needs_root
def test_a_packet_that_a_network_card_cuts_counts_as_what_comes_of_it() -> None:
    """With a link's segment size; loopback carries the large packets as they are."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Capture(port) as capture, socket.socket() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_460)
            client.connect(("127.0.0.1", port))
            accepted, _ = server.accept()
            with accepted:
                carry(client, accepted, 200_000)
                until(lambda: capture.look() and sum(capture.to_payloads) == 200_000, "all has passed")
                until(
                    lambda: capture.look() and now(client).received_bytes == capture.from_port.received_bytes,
                    "acks",
                )
                segment = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                assert segment < 1_460 < max(capture.to_payloads)
                cuts = sum(-(-payload // segment) - 1 for payload in capture.to_payloads if payload)
                assert now(client).sent_bytes == capture.to_port.sent_bytes + 52 * cuts


@needs_root
def test_the_handshake_costs_what_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with Capture(port) as capture:
            client = socket.create_connection(("127.0.0.1", port))
            accepted, _ = server.accept()
            until(lambda: capture.look() >= 3, "the connection is open")
            assert capture.count == now(client)
            expected = handshake_bytes(client)
            client.shutdown(socket.SHUT_WR)
            assert accepted.recv(1) == b""
            accepted.close()
            assert client.recv(1) == b""
            client.close()
            until(lambda: capture.look() >= 6, "the connection is closed")
            assert capture.count.both_ways == expected


def test_a_read_is_cheap_and_a_closed_socket_an_error() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sock,
    ):
        assert min(timeit.repeat(lambda: read(sock), number=200, repeat=20)) / 200 < 5e-6
    with pytest.raises(OSError):
        read(sock)

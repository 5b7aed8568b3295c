"""What the kernel knows of a connection: over a real pair of sockets, without any server."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from lab_runtime.sockets import end_hard, untaken_bytes


class FakeTransport:
    """A transport with ten bytes of its own that wait."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._sock = sock
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return 10

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return self._sock

    def abort(self) -> None:
        self.aborted = True
        if self._sock:
            self._sock.close()


@pytest.fixture
def ends() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        with near, far:
            yield near, far


def test_what_the_kernel_holds_is_counted(ends: tuple[socket.socket, socket.socket]) -> None:
    near, _far = ends
    transport = cast(asyncio.WriteTransport, FakeTransport(near))
    assert untaken_bytes(transport) == 10
    near.setblocking(False)
    sent = 0
    try:
        while True:
            sent += near.send(bytes(65_536))
    except BlockingIOError:
        """Both kernels' buffers are full."""
    assert 10 + 65_536 < untaken_bytes(transport) <= 10 + sent


def test_a_socket_that_is_gone_counts_nothing() -> None:
    gone = socket.socket()
    gone.close()
    assert untaken_bytes(cast(asyncio.WriteTransport, FakeTransport(gone))) == 10
    assert untaken_bytes(cast(asyncio.WriteTransport, FakeTransport(None))) == 10


def test_a_hard_end_reaches_a_peer_that_does_not_read(ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    transport = FakeTransport(near)
    end_hard(cast(asyncio.WriteTransport, transport))
    assert transport.aborted
    far.settimeout(5)
    with pytest.raises(ConnectionResetError):
        far.recv(1)
    nothing = FakeTransport(None)
    end_hard(cast(asyncio.WriteTransport, nothing))
    assert nothing.aborted

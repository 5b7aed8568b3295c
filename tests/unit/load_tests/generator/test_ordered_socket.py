"""Two greenlets on one socket: messages stay whole, and go out in the order in which they were given."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from load_tests.generator.ordered_socket import OrderedSocket


class SlowSocket:
    """Lets others run in the middle of each write."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.broken = False

    def sendall(self, data: bytes) -> None:
        for byte in data:
            gevent.sleep(0)
            if self.broken:
                raise BrokenPipeError(32, "Broken pipe")
            self.written.append(bytes([byte]))

    recv = close = getsockopt = fileno = lambda self, *_: None


def test_messages_stay_whole_and_in_order() -> None:
    peer: Any = SlowSocket()
    sock = OrderedSocket(peer)

    def reader() -> None:
        for number in range(5):
            sock.sendall(b"r%d " % number)

    def sender() -> None:
        for number in range(5):
            sock.sendall(b"SENT%d " % number)

    given: list[bytes] = []
    inner = sock.sendall

    def noted(data: bytes) -> None:
        given.append(data)
        inner(data)

    sock.sendall = noted  # type: ignore[method-assign]  # to know in which order they were given
    gevent.joinall([gevent.spawn(sender), gevent.spawn(reader)], timeout=5)
    assert len(given) == 10
    assert b"".join(peer.written) == b"".join(given)


def test_a_broken_connection_is_told() -> None:
    peer: Any = SlowSocket()
    peer.broken = True
    with pytest.raises(BrokenPipeError):
        OrderedSocket(peer).sendall(b"x")

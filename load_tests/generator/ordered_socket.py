"""A socket on which two greenlets write: one sends samples, the other answers (PING, SETTINGS, opened windows)."""

from __future__ import annotations

from collections import deque
from typing import Any

from gevent.lock import RLock


class OrderedSocket:
    """Writes whole messages, in the order in which they were given.

    A lock alone would keep messages whole, but may let the second greenlet come first; on HTTP/2 that would be DATA
    before its HEADERS.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._lock = RLock()
        self._unwritten: deque[bytes] = deque()
        self.recv = sock.recv
        self.close = sock.close
        self.getsockopt = sock.getsockopt
        self.fileno = sock.fileno

    def sendall(self, data: bytes) -> None:
        """Write `data`; returns when it is written.

        Raises:
            OSError: The connection broke.
        """
        self._unwritten.append(data)
        with self._lock:
            while self._unwritten:
                self._sock.sendall(self._unwritten.popleft())

"""A proxy before Redis that can withhold replies: the command takes place, and who sent it never hears of it.

It can also hold back everything, both ways, as a pulled cable does: no connection ends, and nothing comes through.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from lab_runtime import valkey


class ReplyThief:
    """Listens on a Unix socket of its own and passes on, both ways, what `stealing` and `cut()` let it.

    Args:
        folder: Where its socket goes.
        store: The socket of the real store.
    """

    def __init__(self, folder: Path, store: Path) -> None:
        self.stealing = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._store = store
        self._path = folder / "thief.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(50)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._sockets: list[socket.socket] = []

    def cut(self) -> None:
        """Pull the cable: what was sent waits here (64 KiB each way) and in the sockets."""
        self._flowing.clear()

    def mend(self) -> None:
        """Put the cable back: what waits goes on its way, late."""
        self._flowing.set()

    @property
    def url(self) -> str:
        """The `LAB_REDIS_URL` of those to be robbed."""
        return valkey.socket_url(self._path)

    def __enter__(self) -> ReplyThief:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.mend()
        self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
        self._acceptor.join()
        for sock in self._sockets:
            with suppress(OSError):  # its peer has gone
                sock.shutdown(socket.SHUT_RDWR)  # ends the thread that reads it, and the peer hears of it
        for sock in [self._listener, *self._sockets]:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._store))
            self._sockets += [client, server]
            threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, replies: bool) -> None:
        try:
            while data := source.recv(65_536):
                self._flowing.wait()
                if not (replies and self.stealing.is_set()):
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one of the two has gone

"""405 for plain requests with another method than GET on a WebSocket port.

`websockets` parses GET and HEAD; at anything else it hangs up without an answer, which a student with curl cannot tell
from a crash.
"""

from __future__ import annotations

from typing import Any, Final

from websockets.asyncio.server import ServerConnection

_LONGEST_METHOD: Final = 20
_BODY: Final = b'{"error":"method_not_allowed","detail":"expected GET"}'
_ANSWER: Final = (
    b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


def other_method(request: bytes) -> bool:
    """Whether these first bytes of a connection are a request with a method that `websockets` does not parse."""
    method, space, _ = request[: _LONGEST_METHOD + 1].partition(b" ")
    return bool(space) and method.isalpha() and method.isupper() and method not in (b"GET", b"HEAD")


class GetConnection(ServerConnection):
    """A connection that looks at its first bytes before `websockets` does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._looked = False

    def data_received(self, data: bytes) -> None:
        """Answer, or pass on; only the first bytes are looked at."""
        if not self._looked:
            self._looked = True
            if other_method(data):
                self.transport.write(_ANSWER)
                self.transport.close()
                return
        super().data_received(data)

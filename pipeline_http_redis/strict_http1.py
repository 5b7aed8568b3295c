"""HTTP/1.1, read strictly: nothing that two servers in a row could read in two ways, and every refusal in JSON.

Beyond what h11 refuses (RFC 9112): a request with both `Content-Length` and `Transfer-Encoding`, the shape of request
smuggling (6.1 allows to refuse it); `Transfer-Encoding` in HTTP/1.0. `Upgrade: h2c`, which RFC 9113 took out of HTTP/2,
is left unheard: the request is answered in HTTP/1.1. A transfer coding that is not known is the client's fault here
(400, not 501: no 5xx for bad input).
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import chain
from typing import Any, Final

import h11
import hypercorn.protocol
import orjson
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol

_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\n"
_DETAILS: Final = {431: "the head of the request is too large", 501: "Transfer-Encoding: expected chunked"}


class StrictConnection(h11.Connection):
    """h11's state of one connection.

    Attributes:
        given_up: The client is gone; what it sent before is not read on.
    """

    given_up = False

    def next_event(self) -> Any:
        """The next event, as h11 gives it.

        Raises:
            h11.RemoteProtocolError: Not well-formed, or to be read in two ways.
        """
        if self.given_up:
            return h11.ConnectionClosed()
        event = super().next_event()
        if type(event) is h11.Request:
            lengths = _LENGTHS.intersection(name for name, _ in event.headers)
            if b"transfer-encoding" in lengths and (len(lengths) > 1 or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("two lengths, or Transfer-Encoding in HTTP/1.0")
        return event


class StrictH11Protocol(H11Protocol):
    """Hypercorn's HTTP/1.1 side of one connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = StrictConnection(
            h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size
        )

    def head_in_progress(self) -> Hashable:
        """The number of the request whose head has begun and not ended; None: there is none."""
        connection = self.connection
        begun = connection.their_state is h11.IDLE and connection.trailing_data[0]
        return self.keep_alive_requests if begun else None

    def untaken(self) -> dict[int, int]:
        """Nothing: what is answered here is in the socket."""
        return {}

    def give_up(self) -> None:
        """Take no further request."""
        if isinstance(self.connection, StrictConnection):
            self.connection.given_up = True

    async def _check_protocol(self, event: h11.Request) -> None:
        if (event.method, event.target, event.http_version) == (b"PRI", b"*", b"2.0"):
            raise H2ProtocolAssumedError(_PREFACE + self.connection.trailing_data[0])

    async def _send_error_response(self, status_code: int) -> None:
        detail = _DETAILS.get(status_code, "not a well-formed HTTP/1.1 request")
        body = orjson.dumps({"error": "malformed", "detail": detail})
        own = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        headers = list(chain(own, self.config.response_headers("h11")))
        status = status_code if status_code < 500 else 400
        await self._send_h11_event(h11.Response(status_code=status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def install() -> None:
    """Make Hypercorn use it, in this process."""
    hypercorn.protocol.H11Protocol = StrictH11Protocol  # type: ignore[attr-defined]

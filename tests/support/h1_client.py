"""HTTP/1.1 for tests: a request in two halves, so that something else can happen while it is in flight."""

from __future__ import annotations

import http.client
from types import TracebackType
from typing import Final

from tests.support.reply import Reply

_WITHIN_S: Final = 15.0


class H1Client:
    """One connection; opened again where the server closed it after an answer."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WITHIN_S)
        self._rest = b""

    def __enter__(self) -> H1Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._connection.close()

    def begin(self, method: str, path: str, headers: dict[str, str], body: bytes, first: int) -> None:
        """Send the head of a request and the first bytes of its body."""
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, text in headers.items():
            self._connection.putheader(name, text)
        if body or method in ("POST", "PUT", "PATCH"):
            self._connection.putheader("content-length", str(len(body)))
        self._connection.endheaders()
        self._connection.send(body[:first])
        self._rest = body[first:]

    def finish(self) -> Reply:
        """Send the rest and read the answer."""
        if self._rest:
            self._connection.send(self._rest)
        response = self._connection.getresponse()
        headers = {name.lower(): text for name, text in response.getheaders()}
        return Reply(response.status, headers, response.read(), complete=True)

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        """A whole request."""
        self.begin(method, path, headers or {}, body, len(body))
        return self.finish()

    def post(self, body: bytes, path: str = "/v1/samples", **headers: str) -> Reply:
        """Send a batch."""
        return self.request("POST", path, {"content-type": "application/json"} | headers, body)

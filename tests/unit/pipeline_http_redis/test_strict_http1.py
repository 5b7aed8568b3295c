"""h11 with nothing that two servers could read in two ways."""

from __future__ import annotations

import h11
import pytest

from pipeline_http_redis.strict_http1 import StrictConnection

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


def first_event(sent: bytes) -> object:
    connection = StrictConnection(h11.SERVER)
    connection.receive_data(sent)
    return connection.next_event()


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 2\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        HEAD + b"\r\n",
    ],
)
def test_one_length_is_fine(head: bytes) -> None:
    assert isinstance(first_event(head), h11.Request)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\ncontent-length: 2\r\n\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_two_are_not(head: bytes) -> None:
    with pytest.raises(h11.RemoteProtocolError, match="two lengths"):
        first_event(head)


def test_requests_of_a_client_that_is_gone_are_not_read_on() -> None:
    connection = StrictConnection(h11.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert isinstance(connection.next_event(), h11.Request)
    connection.given_up = True
    assert isinstance(connection.next_event(), h11.ConnectionClosed)

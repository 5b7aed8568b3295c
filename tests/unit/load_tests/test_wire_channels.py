"""The generator's own protocol code against the libraries that define the protocols: every reply is checked."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from load_tests.wire import http1, http2
from load_tests.wire.channel import Refusal, ReplyError
from load_tests.wire.http1 import Http1Channel
from load_tests.wire.http2 import Http2Channel
from tests.support.fake_socket import Connect, FakeSocket

# -- HTTP/1.1 --------------------------------------------------------------------------------------------------------

REPLY = b"HTTP/1.1 202 \r\nContent-Length: 14\r\n\r\n" + b'{"accepted":1}'


def test_http1_one_request_at_a_time(connects_to: Connect) -> None:
    sock = FakeSocket()
    connects_to(http1, sock)
    channel = Http1Channel("127.0.0.1", 8766)
    assert channel.send(b"[1]")
    assert sock.sent == (
        b"POST /v1/samples HTTP/1.1\r\nHost: 127.0.0.1:8766\r\nContent-Type: application/json\r\n"
        b"Content-Length: 3\r\n\r\n[1]"
    )
    assert not channel.send(b"[2]"), "not answered yet"
    sock.incoming = REPLY
    assert (len(channel.receive()), channel.in_flight) == (1, 0)
    assert channel.send(b"[2]")


def test_http1_a_reply_in_any_pieces(connects_to: Connect) -> None:
    for cut in range(1, len(REPLY)):
        sock = FakeSocket()
        connects_to(http1, sock)
        channel = Http1Channel("127.0.0.1", 8766)
        channel.send(b"[1]")
        sock.incoming = REPLY[:cut]
        assert len(channel.receive()) == 0
        sock.incoming = REPLY[cut:]
        assert len(channel.receive()) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 202 \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
def test_http1_any_other_reply_voids_the_run(connects_to: Connect, reply: bytes) -> None:
    sock = FakeSocket()
    connects_to(http1, sock)
    channel = Http1Channel("127.0.0.1", 8766)
    channel.send(b"[1]")
    sock.incoming = reply
    with pytest.raises(ReplyError):
        channel.receive()


REFUSALS = [
    (429, b'{"error":"backlog_full","detail":"full"}', Refusal(0, False, "backlog_full")),
    (503, b"", Refusal(0, False, "status 503")),
    (422, b'{"error":"schema","detail":"$.seq"}', Refusal(0, True, "schema")),
]


@pytest.mark.parametrize("status, body, refusal", REFUSALS)
def test_http1_a_refusal_is_told_by_number(
    connects_to: Connect, status: int, body: bytes, refusal: Refusal
) -> None:
    sock = FakeSocket()
    connects_to(http1, sock)
    channel = Http1Channel("127.0.0.1", 8766, token="secret")
    channel.send(b"[1]")
    assert b"\r\nAuthorization: Bearer secret\r\n" in sock.sent
    sock.incoming = b"HTTP/1.1 %d \r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
    assert (list(channel.receive()), channel.refused, channel.in_flight) == ([], [refusal], 0)
    channel.send(b"[2]")
    sock.incoming = REPLY
    assert (list(channel.receive()), channel.negotiated) == ([1], "HTTP/1.1")


# -- HTTP/2 ----------------------------------------------------------------------------------------------------------


class H2Server:
    """The h2 library as the server behind a fake socket; answers each request that is complete."""

    def __init__(self, status: str = "202") -> None:
        self.status = status
        self.body = b"{}"
        self.requests: dict[int, tuple[dict[bytes, bytes], bytes]] = {}
        self.gives_credit = True
        self.answers = True
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self._h2.initiate_connection()

    def __call__(self, piece: bytes) -> bytes:
        for event in self._h2.receive_data(piece):
            if isinstance(event, h2.events.RequestReceived):
                self.requests[event.stream_id or 0] = (dict(event.headers or []), b"")
            elif isinstance(event, h2.events.DataReceived):
                headers, body = self.requests[event.stream_id]
                self.requests[event.stream_id] = headers, body + event.data
                if self.gives_credit:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded) and self.answers:
                length = str(len(self.body))
                headers_out = [(":status", self.status), ("content-length", length)]
                self._h2.send_headers(event.stream_id, headers_out)
                self._h2.send_data(event.stream_id, self.body, end_stream=True)
        return self._h2.data_to_send()

    def give_credit(self, stream: int, by: int) -> bytes:
        self._h2.increment_flow_control_window(by, stream)
        self._h2.increment_flow_control_window(by)
        return self._h2.data_to_send()

    def ping(self) -> bytes:
        self._h2.ping(b"12345678")
        return self._h2.data_to_send()

    def goodbye(self) -> bytes:
        self._h2.close_connection()
        return self._h2.data_to_send()


def test_http2_requests_are_valid_and_counted(connects_to: Connect) -> None:
    server = H2Server()
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766, streams=10)
    bodies = [b"x" * size for size in (1, 100, 16_384, 16_385, 40_000)]
    done = 0
    for body in bodies:
        while not channel.send(body):  # the connection's window is smaller than all of these
            done += len(channel.receive())
    while sock.incoming:
        done += len(channel.receive())
    assert (done, channel.in_flight) == (5, 0)
    assert [body for _, body in server.requests.values()] == bodies
    headers = server.requests[1][0]
    assert (headers[b":method"], headers[b":path"]) == (b"POST", b"/v1/samples")
    assert headers[b"content-type"] == b"application/json"


def test_http2_replies_in_any_pieces(connects_to: Connect) -> None:
    server = H2Server()
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    for _ in range(3):
        channel.send(b"[1]")
    wire, sock.incoming, done = sock.incoming, b"", 0
    for start in range(0, len(wire), 5):
        sock.incoming = wire[start : start + 5]
        done += len(channel.receive())
    assert (done, channel.in_flight) == (3, 0)


def test_http2_respects_streams_and_flow_control(connects_to: Connect) -> None:
    server = H2Server()
    server.gives_credit = False
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766, streams=3)
    assert channel.send(b"x" * 40_000)
    assert not channel.send(b"x" * 40_000), "more than the connection's window"
    assert channel.send(b"x")
    assert channel.send(b"x")
    assert not channel.send(b"x"), "as many streams as allowed"
    while sock.incoming:
        channel.receive()
    assert channel.send(b"x")


def test_http2_answers_pings(connects_to: Connect) -> None:
    server = H2Server()
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    sock.incoming += server.ping()
    sent = len(sock.sent)
    channel.receive()
    assert sock.sent[sent:].endswith(b"12345678")


@pytest.mark.parametrize("status", ["200", "500", "302"])
def test_http2_any_other_status_voids_the_run(connects_to: Connect, status: str) -> None:
    sock = FakeSocket(H2Server(status))
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    channel.send(b"[1]")
    with pytest.raises(ReplyError, match="unexpected reply"):
        channel.receive()


@pytest.mark.parametrize("status, body, refusal", REFUSALS)
def test_http2_a_refusal_is_told_by_number(
    connects_to: Connect, status: int, body: bytes, refusal: Refusal
) -> None:
    server = H2Server()
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    channel.send(b"[0]")
    server.status, server.body = str(status), body
    channel.send(b"[1]")
    server.status, server.body = "202", b"{}"
    channel.send(b"[2]")
    assert list(channel.receive()) == [0, 2]
    assert channel.refused == [refusal._replace(number=1)]
    assert (channel.in_flight, channel.negotiated) == (0, "HTTP/2")


def test_http2_a_large_body_goes_out_as_the_window_opens(connects_to: Connect) -> None:
    server = H2Server()
    server.gives_credit = False
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    body = b"[" + b"1," * 100_000 + b"1]"
    assert channel.send(body)
    channel.receive()
    assert not channel.send(b"[2]"), "the large one is still going out"
    done: list[int] = []
    while not done:
        if not sock.incoming:
            sock.incoming += server.give_credit(1, 65_535)
        done += channel.receive()
    assert done == [0]
    assert server.requests[1][1] == body
    assert channel.send(b"[2]")


def test_http2_is_not_taken_for_granted(connects_to: Connect) -> None:
    sock = FakeSocket()
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    sock.incoming = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
    assert not channel.receive()
    with pytest.raises(ReplyError, match="closed"):
        channel.receive()
    assert not channel.negotiated


def test_http2_a_status_is_checked_on_every_reply(connects_to: Connect) -> None:
    """Header blocks that repeat are not decoded again; a block that differs is."""
    server = H2Server()
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    for _ in range(5):
        channel.send(b"[1]")
        assert len(channel.receive()) == 1
    server.status = "429"
    channel.send(b"[1]")
    assert len(channel.receive()) == 0
    assert [refusal.error for refusal in channel.refused] == ["status 429"]
    server.status = "202"
    channel.send(b"[1]")
    assert list(channel.receive()) == [6]


def test_http2_a_goodbye_voids_the_run(connects_to: Connect) -> None:
    server = H2Server()
    sock = FakeSocket(server)
    connects_to(http2, sock)
    channel = Http2Channel("127.0.0.1", 8766)
    channel.receive()
    sock.incoming += server.goodbye()
    with pytest.raises(ReplyError, match="unexpected HTTP/2 frame of type 7"):
        channel.receive()

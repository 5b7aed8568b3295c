"""The golden messages over real sockets: the same verdict on both pipelines, nobody else harmed, no trace left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import psutil
import pytest

from metrics_core.wire import encode_batch
from tests.support.golden import ACCEPTED, GOLDEN, REFUSED, Golden, golden_for
from tests.support.h1_client import H1Client
from tests.support.h2_client import JSON, H2Client
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import ClosedByPeer, HandshakeRefused, RawWebSocket
from tests.support.reply import Reply
from tests.support.samples import a_sample
from tests.support.schema import check_ledger, check_snapshot
from tests.support.waiting import until

PASSES: Final = 20
MEMORY_MAY_GROW: Final = 8 * 2**20


class Siblings:
    """Healthy samples that are in flight beside every bad message; each has an identity of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = 0

    def next(self) -> bytes:
        self.sent += 1
        return encode_batch([a_sample(self.name, 1, self.sent - 1)])


def check_http(message: Golden, reply: Reply) -> None:
    assert reply.status == message.status, f"{message}: {reply}"
    assert reply.headers["content-type"] == "application/json"
    if message.accepted is not None:
        assert reply.json() == {"accepted": message.accepted}
        return
    answer = reply.json()
    assert answer["error"] == message.error
    assert message.detail in (None, answer["detail"])
    assert answer.keys() == {"error", "detail"}
    assert "retry-after" not in reply.headers


def send_all_by_http1(pipelines: Pipelines, siblings: Siblings) -> None:
    port = pipelines.ingest_port
    for message in golden_for("http"):
        with H1Client(port) as bad, H1Client(port) as sibling:
            body = siblings.next()
            sibling.begin("POST", "/v1/samples", JSON, body, len(body) // 2)
            check_http(message, bad.request(message.method, message.path, message.headers, message.body))
            assert sibling.finish().status == 202, f"a sibling of {message}"


def send_all_by_http2(pipelines: Pipelines, siblings: Siblings) -> None:
    """One connection for everything: the sibling's first half comes before the bad message, the rest after it."""
    with H2Client(pipelines.ingest_port) as client:
        for message in golden_for("http"):
            body = siblings.next()
            sibling = client.open("POST", "/v1/samples", JSON)
            client.send(sibling, body[:40], end=False)
            bad = client.request(message.method, message.path, message.headers, message.body)
            check_http(message, client.reply(bad))
            client.send(sibling, body[40:])
            assert client.reply(sibling).status == 202, f"a sibling of {message}"


def send_all_by_websocket(pipelines: Pipelines, siblings: Siblings) -> None:
    port, table = pipelines.websocket_port, golden_for("websocket")
    shared = [message for message in table if message.close is None]
    with RawWebSocket(port, "/v1/ingest") as sibling, RawWebSocket(port, "/v1/ingest") as connection:
        for message in shared:
            connection.send(message.body)
            sibling.send(siblings.next())
        rejects = connection.verdicts(len(shared))
        for frame, message in enumerate(shared):
            check_websocket(message, rejects.get(frame), frame)
        for message in table:
            if message.close is None:
                continue
            with RawWebSocket(port, "/v1/ingest") as bad:
                bad.send(message.body, rsv1=message.rsv1)
                with pytest.raises(ClosedByPeer) as closed:
                    bad.message()
                assert closed.value.code == message.close, str(message)
            sibling.send(siblings.next())
        assert sibling.verdicts(len(table)) == {}


def check_websocket(message: Golden, reject: dict[str, Any] | None, frame: int) -> None:
    if message.accepted is not None:
        assert reject is None, f"{message}: {reject}"
        return
    assert reject is not None, str(message)
    assert (reject["error"], reject["frame"]) == (message.error, frame), str(message)
    assert message.detail in (None, reject["detail"])
    assert reject.keys() == {"type", "frame", "error", "detail"}


SENDERS: Final[dict[str, Callable[[Pipelines, Siblings], None]]] = {
    "http1": send_all_by_http1,
    "http2": send_all_by_http2,
    "websocket": send_all_by_websocket,
}
PIPELINE_OF: Final = {"http1": "http_redis", "http2": "http_redis", "websocket": "websocket"}


def feed_of(pipelines: Pipelines, pipeline: str) -> bytes:
    port = pipelines.fanout_port if pipeline == "http_redis" else pipelines.websocket_port
    with RawWebSocket(port, "/v1/feed") as feed:
        return feed.receive()


def settled(pipelines: Pipelines) -> None:
    until(pipelines.settled, "everything committed is applied")


@pytest.mark.parametrize("transport", SENDERS)
def test_every_message_gets_its_verdict_and_leaves_no_trace(pipelines: Pipelines, transport: str) -> None:
    pipeline = PIPELINE_OF[transport]
    siblings = Siblings(f"sibling-{transport}")
    before = pipelines.totals(pipeline)
    SENDERS[transport](pipelines, siblings)
    settled(pipelines)
    table = golden_for("http" if pipeline == "http_redis" else "websocket")
    ledger = check_ledger(pipelines.ledger_json(pipeline))
    after = pipelines.totals(pipeline)
    assert pipelines.ledger(pipeline)[siblings.name][1].as_lists() == [[0, siblings.sent - 1]]
    taken = siblings.sent + sum(message.accepted or 0 for message in table)
    assert after["accepted"] - before["accepted"] == taken
    arrived = {name: after[name] - before[name] for name in ("processed", "duplicates")}
    assert sum(arrived.values()) == taken
    assert arrived["duplicates"] >= sum(message.duplicates for message in table)
    assert after["dead_lettered"] == after["refused"] == 0
    for text in (str(ledger), feed_of(pipelines, pipeline).decode()):
        assert REFUSED not in text
    assert pipelines.stack_traces() == []


@pytest.mark.parametrize("transport", SENDERS)
def test_refusals_are_counted(pipelines: Pipelines, transport: str) -> None:
    """`rejected` counts batches of the ingest's own path; a wrong path or method is not a batch."""
    pipeline = PIPELINE_OF[transport]
    table = golden_for("http" if pipeline == "http_redis" else "websocket")
    batches = [message for message in table if message.path == "/v1/samples" and message.status != 405]
    if pipeline == "websocket":
        batches = [message for message in batches if message.close is None]
    expected = sum(message.accepted is None for message in batches)
    before = pipelines.totals(pipeline)["rejected"]
    SENDERS[transport](pipelines, Siblings("sibling-counted"))
    until(lambda: pipelines.totals(pipeline)["rejected"] >= before + expected, "the last report is in")
    assert pipelines.totals(pipeline)["rejected"] == before + expected


def test_memory_comes_back(pipelines: Pipelines) -> None:
    """The whole table again and again: what a refused message took is given back."""
    siblings = Siblings("sibling-memory")

    def everything() -> None:
        for sender in SENDERS.values():
            sender(pipelines, siblings)

    def memory(name: str) -> int:
        return pipelines[name].rss_bytes

    for _ in range(3):  # pools, caches and the allocator's own arenas are filled
        everything()
    before = {name: memory(name) for name in ("ingest-1", "websocket")}
    for _ in range(PASSES):
        everything()
    settled(pipelines)
    for name, then in before.items():
        until(
            partial(lambda name, most: memory(name) <= most, name, then + MEMORY_MAY_GROW),
            f"memory of {name}",
        )
    check_snapshot(feed_of(pipelines, "http_redis"))
    check_snapshot(feed_of(pipelines, "websocket"))


def test_connections_that_clients_closed_are_closed(pipelines: Pipelines) -> None:
    """Also those kept alive for a next request: dead sockets would use up what a process may have."""
    ingest = psutil.Process(pipelines["ingest-1"].pid)
    before = ingest.num_fds()
    for _ in range(100):
        with H1Client(pipelines.ingest_port) as one, H2Client(pipelines.ingest_port) as two:
            assert one.request("GET", "/healthz").status == 200
            assert two.reply(two.request("GET", "/healthz")).status == 200
    until(lambda: ingest.num_fds() <= before + 5, "the sockets are given back", within_s=5)


# -- what a client does wrong over time, on HTTP/2 -------------------------------------------------------------------


@pytest.fixture
def h2(pipelines: Pipelines) -> Iterator[H2Client]:
    with H2Client(pipelines.ingest_port) as client:
        yield client


def healthy(h2: H2Client, seq: int) -> bool:
    return h2.reply(h2.post(encode_batch([a_sample("sibling-late", 1, seq)]))).status == 202


def test_a_body_of_70_mb_ends_in_413_and_siblings_go_on(h2: H2Client) -> None:
    sibling = h2.open("POST", "/v1/samples", JSON)
    flood = h2.open("POST", "/v1/samples", JSON)
    for seq in range(70):
        h2.send(flood, b" " * 2**20, end=False)
        if seq % 10 == 0:
            assert healthy(h2, seq)
    assert h2.reply(flood).status == 413
    h2.send(sibling, encode_batch([a_sample("sibling-late", 1, 100)]))
    assert h2.reply(sibling).status == 202


@pytest.mark.parametrize("path, status", [("/v1/samples", 202), ("/healthz", 200)])
def test_frames_after_the_answer_are_dropped(h2: H2Client, path: str, status: int) -> None:
    """A GET with a body is answered before its body comes."""
    method, body = ("POST", encode_batch([a_sample("sibling-late", 2, 0)])) if status == 202 else ("GET", b"")
    stream = h2.open(method, path, JSON if body else {})
    if body:
        h2.send(stream, body, end=True)
    assert h2.reply(stream).status == status
    if not body:
        h2.send(stream, b"late" * 1000, end=True)
    assert healthy(h2, 200)


def test_a_request_that_cannot_be_read_is_reset_alone(h2: H2Client) -> None:
    sibling = h2.open("POST", "/v1/samples", JSON)
    bad = h2.request("GET", "/v1/l\u00e9dger")
    assert h2.reply(bad).status == 0, "RST_STREAM"
    h2.send(sibling, encode_batch([a_sample("sibling-late", 1, 300)]))
    assert h2.reply(sibling).status == 202


def test_a_cancelled_request_harms_nobody(h2: H2Client) -> None:
    for seq in range(50):
        stream = h2.open("POST", "/v1/samples", JSON)
        h2.send(stream, b"[", end=seq % 2 == 0)
        if seq % 2:
            h2.drop(stream)
        else:
            assert h2.reply(stream).status == 400
    assert healthy(h2, 301)


def test_a_websocket_handshake_on_the_ingest_is_refused(pipelines: Pipelines) -> None:
    for path in ("/v1/samples", "/v1/ingest", "/"):
        with pytest.raises(HandshakeRefused) as refused:
            RawWebSocket(pipelines.ingest_port, path)
        assert 400 <= refused.value.status < 500


@pytest.mark.parametrize("path", ["/v1/samples", "/nope", "/v1/feed/"])
def test_a_wrong_path_on_pipeline_b_is_404(pipelines: Pipelines, path: str) -> None:
    with pytest.raises(HandshakeRefused) as refused:
        RawWebSocket(pipelines.websocket_port, path)
    assert refused.value.status == 404
    with H1Client(pipelines.websocket_port) as client:
        assert client.request("GET", path).json()["error"] == "not_found"


def test_a_wrong_method_on_pipeline_b_is_a_4xx(pipelines: Pipelines) -> None:
    with H1Client(pipelines.websocket_port) as client:
        reply = client.request("POST", "/v1/ledger", {"content-type": "application/json"}, b"{}")
        assert 400 <= reply.status < 500


def test_the_table_names_each_message_once() -> None:
    names = [message.name for message in GOLDEN]
    assert len(names) == len(set(names))
    for message in GOLDEN:
        producer = ACCEPTED if message.accepted is not None else REFUSED
        other = REFUSED if message.accepted is not None else ACCEPTED
        assert other.encode() not in message.body, f"{message} names {other}, not {producer}"

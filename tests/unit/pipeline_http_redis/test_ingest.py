"""The ingest endpoint as an ASGI application, without a server: verdicts, headers, body limits, slow bodies.

Long because: every verdict is asked for through the same fake client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import orjson
import pytest
from starlette.types import Message

from lab_runtime.guards import Guards
from metrics_core.errors import BacklogFull, LimitReached, RemoteFault, Unavailable
from metrics_core.limits import MAX_BATCH_BYTES
from metrics_core.rate_limit import RateLimit
from metrics_core.sink import Batch
from metrics_core.wire import encode_batch
from pipeline_http_redis.bodies import BODY_TIMEOUT_S, DRAIN_BYTES
from pipeline_http_redis.ingest import Counts, IngestEndpoint
from tests.support.reply import Reply
from tests.support.samples import a_run, a_sample
from tests.support.virtual_time import run_virtually

HOST = (b"host", b"127.0.0.1:8766")
JSON = [(b"content-type", b"application/json")]
BODY = encode_batch([a_sample()])


class FakeSink:
    """Holds batches, or raises."""

    def __init__(self, fault: RemoteFault | None = None) -> None:
        self.held: list[Batch] = []
        self.fault = fault

    async def accept(self, batch: Batch) -> None:
        if self.fault:
            raise self.fault
        self.held.append(batch)


class Client:
    """One request; after its parts it stays connected and silent."""

    def __init__(self, parts: Iterable[bytes], *, complete: bool = True, leaves: bool = False) -> None:
        self._parts = list(parts) or [b""]
        self._complete = complete
        self._leaves = leaves
        self.read = 0
        self.reply = Reply()

    async def receive(self) -> Message:
        if self.read < len(self._parts):
            self.read += 1
            more = not self._complete or self.read < len(self._parts)
            return {"type": "http.request", "body": self._parts[self.read - 1], "more_body": more}
        if self._leaves:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.reply.status = message["status"]
            self.reply.headers = {name.decode(): text.decode() for name, text in message["headers"]}
        else:
            self.reply.body += message["body"]
            self.reply.complete = True


def endpoint_of(sink: FakeSink | None = None, token: str = "") -> IngestEndpoint:
    return IngestEndpoint(sink or FakeSink(), Guards(token=token), Counts())


def post(
    parts: Iterable[bytes] = (BODY,),
    headers: list[tuple[bytes, bytes]] = JSON,
    sink: FakeSink | None = None,
    token: str = "",
) -> tuple[Reply, Counts, Client]:
    client, counts = Client(parts), Counts()

    async def main() -> None:
        endpoint = IngestEndpoint(sink or FakeSink(), Guards(token=token), counts)
        await endpoint({"type": "http", "headers": [HOST, *headers]}, client.receive, client.send)

    run_virtually(main())
    assert client.reply.complete
    assert client.reply.headers["content-length"] == str(len(client.reply.body))
    return client.reply, counts, client


def test_202_means_held() -> None:
    sink = FakeSink()
    reply, counts, _ = post([encode_batch(a_run("a", 1, range(7)))], sink=sink)
    assert (reply.status, reply.json()) == (202, {"accepted": 7})
    assert [len(batch.samples) for batch in sink.held] == [7]
    assert (counts.rejected, counts.refused) == (0, 0)
    assert post()[0].json() == {"accepted": 1}


def test_a_body_in_parts_is_put_together() -> None:
    sink = FakeSink()
    reply, _, _ = post([BODY[:10], b"", BODY[10:40], BODY[40:]], sink=sink)
    assert reply.status == 202
    assert sink.held[0].body == BODY


def test_a_bad_batch_is_rejected_and_counted() -> None:
    sink = FakeSink()
    reply, counts, _ = post([b"[]"], sink=sink)
    assert (reply.status, reply.json()) == (
        422,
        {"error": "schema", "detail": "$: expected at least 1 sample"},
    )
    assert (counts.rejected, counts.refused, sink.held) == (1, 0, [])
    assert "retry-after" not in reply.headers


@pytest.mark.parametrize(
    "fault, status, retry_after",
    [(BacklogFull("x"), 429, "1"), (LimitReached("x"), 429, "10"), (Unavailable("x"), 503, "1")],
)
def test_what_the_sink_refuses_is_told_with_retry_after(
    fault: RemoteFault, status: int, retry_after: str
) -> None:
    reply, counts, _ = post(sink=FakeSink(fault))
    assert (reply.status, reply.headers["retry-after"]) == (status, retry_after)
    assert reply.json() == fault.as_dict()
    assert (counts.rejected, counts.refused) == (0, 1)


@pytest.mark.parametrize(
    "media_type, status",
    [
        (b"application/json", 202),
        (b"Application/JSON ; charset=UTF-8", 202),
        (b"", 415),
        (b"text/json", 415),
        (b"application/jsonl", 415),
    ],
)
def test_content_types(media_type: bytes, status: int) -> None:
    assert post(headers=[(b"content-type", media_type)])[0].status == status


@pytest.mark.parametrize(
    "encoding, status", [(b"identity", 202), (b"Identity", 202), (b"gzip", 415), (b"br", 415)]
)
def test_content_encodings_are_not_inflated(encoding: bytes, status: int) -> None:
    assert post(headers=[*JSON, (b"content-encoding", encoding)])[0].status == status


def test_a_token_comes_before_everything_else() -> None:
    reply, _, _ = post([b"["], headers=[(b"content-type", b"text/plain")], token="secret")
    assert (reply.status, reply.json()["error"]) == (401, "unauthorized")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert post(headers=[*JSON, (b"authorization", b"Bearer secret")], token="secret")[0].status == 202
    assert post(headers=[*JSON, (b"authorization", b"Bearer \xff")], token="secret")[0].status == 401


@pytest.mark.parametrize(
    "headers, status, error",
    [
        ([(b"host", b"evil.example")], 421, "misdirected"),
        ([HOST, (b"host", b"evil.example")], 421, "misdirected"),
        ([(b"host", b"")], 421, "misdirected"),
        ([HOST, (b"origin", b"null")], 403, "forbidden"),
        (
            [HOST, (b"origin", b"http://127.0.0.1:8765"), (b"origin", b"http://evil.example")],
            403,
            "forbidden",
        ),
        ([HOST, (b"origin", b"http://127.0.0.1:8765")], 401, "unauthorized"),
    ],
)
def test_foreign_hosts_and_origins_come_before_the_token(
    headers: list[tuple[bytes, bytes]], status: int, error: str
) -> None:
    sink = FakeSink()
    client, counts = Client([BODY]), Counts()

    async def main() -> None:
        endpoint = IngestEndpoint(sink, Guards(token="secret"), counts)
        await endpoint({"type": "http", "headers": [*headers, *JSON]}, client.receive, client.send)

    run_virtually(main())
    assert (client.reply.status, client.reply.json()["error"], sink.held) == (status, error, [])


def test_a_request_without_a_host_is_misdirected() -> None:
    client = Client([BODY])

    async def main() -> None:
        await endpoint_of()({"type": "http", "headers": JSON}, client.receive, client.send)

    run_virtually(main())
    assert client.reply.status == 421


def test_a_producer_over_its_rate_is_told_how_long_to_wait() -> None:
    sink, counts, replies = FakeSink(), Counts(), []

    async def main() -> None:
        endpoint = IngestEndpoint(sink, Guards(), counts, RateLimit(10))
        for body in (encode_batch(a_run("a", 1, range(60))), BODY, encode_batch(a_run("a", 1, range(1)))):
            client = Client([body])
            await endpoint({"headers": [HOST, *JSON]}, client.receive, client.send)
            replies.append(client.reply)

    run_virtually(main())
    assert [reply.status for reply in replies] == [202, 202, 429]
    assert replies[2].json() == {"error": "rate_limited", "detail": "a may send 10 samples/s"}
    assert replies[2].headers["retry-after"] == "4"
    assert (counts.refused, counts.rejected, len(sink.held)) == (1, 0, 2)


def test_requests_in_hand_are_bounded() -> None:
    counts, slow, late = Counts(), [Client([BODY[:20]], complete=False) for _ in range(3)], Client([BODY])

    async def main() -> None:
        endpoint = IngestEndpoint(FakeSink(), Guards(), counts, most_in_flight=3)
        scope = {"headers": [HOST, *JSON]}
        waiting = [asyncio.create_task(endpoint(scope, each.receive, each.send)) for each in slow]
        await asyncio.sleep(0)
        assert endpoint.in_flight == 3
        await endpoint(scope, late.receive, late.send)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert endpoint.in_flight == 0

    run_virtually(main())
    assert (late.reply.status, late.reply.json()["error"]) == (429, "backlog_full")
    assert (late.reply.headers["retry-after"], counts.refused) == ("1", 1)


def test_the_largest_body_fits_and_a_byte_more_does_not() -> None:
    fits = b" " * (MAX_BATCH_BYTES - len(BODY)) + BODY
    half = MAX_BATCH_BYTES // 2
    assert post([fits[:half], fits[half:]])[0].status == 202
    reply, counts, _ = post([fits[:half], fits[half:], b" "])
    assert (reply.status, reply.json()["error"], counts.rejected) == (413, "too_large", 1)


@pytest.mark.parametrize("headers, status", [(JSON, 413), ([], 415)])
def test_a_body_that_is_not_wanted_is_read_to_its_end_within_bounds(
    headers: list[tuple[bytes, bytes]], status: int
) -> None:
    part = b" " * 2**20
    reply, _, client = post([part] * 10, headers=headers)
    assert (reply.status, client.read) == (status, 10), "a client that still sends would not see the answer"
    reply, _, client = post([part] * 100, headers=headers)
    assert reply.status == status
    assert DRAIN_BYTES // 2**20 <= client.read <= 100


def test_a_client_that_leaves_gets_nothing_and_leaves_no_trace() -> None:
    sink, client, counts = FakeSink(), Client([BODY[:20]], complete=False, leaves=True), Counts()

    async def main() -> None:
        await IngestEndpoint(sink, Guards(), counts)({"headers": [HOST, *JSON]}, client.receive, client.send)

    run_virtually(main())
    assert (client.reply.status, sink.held, counts.rejected) == (0, [], 0)


async def _sweeping(endpoint: IngestEndpoint) -> AsyncIterator[None]:
    while True:
        await asyncio.sleep(0.25)
        endpoint.bodies.sweep()
        yield


def with_sweeps(work: Callable[[IngestEndpoint], Awaitable[Any]]) -> float:
    """Run while the server's own sweep goes on; gives how long it took."""

    async def main() -> float:
        endpoint = endpoint_of()

        async def sweep() -> None:
            async for _ in _sweeping(endpoint):
                pass

        sweeper = asyncio.create_task(sweep())
        await work(endpoint)
        sweeper.cancel()
        return asyncio.get_running_loop().time()

    return run_virtually(main())


def test_a_body_that_does_not_end_is_cut() -> None:
    client, counts = Client([BODY[:20]], complete=False), []

    async def work(endpoint: IngestEndpoint) -> None:
        await endpoint({"headers": [HOST, *JSON]}, client.receive, client.send)
        counts.extend([endpoint._counts.rejected, endpoint._counts.refused])

    took_s = with_sweeps(work)
    assert (client.reply.status, client.reply.json()["error"]) == (408, "timeout")
    assert counts == [0, 1], "nobody knows what it holds: it may come again"
    assert BODY_TIMEOUT_S <= took_s <= BODY_TIMEOUT_S + 0.5


def test_a_cut_body_leaves_its_task_usable() -> None:
    """The connection's next request may run in the same task: nothing of the cut may stick to it."""

    async def work(endpoint: IngestEndpoint) -> None:
        slow, good = Client([BODY[:20]], complete=False), Client([BODY])
        await endpoint({"headers": [HOST, *JSON]}, slow.receive, slow.send)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await endpoint({"headers": [HOST, *JSON]}, good.receive, good.send)
        assert (slow.reply.status, good.reply.status) == (408, 202)

    with_sweeps(work)


def test_a_body_that_nobody_wants_is_discarded_in_bounded_time() -> None:
    client = Client([b" " * 100], complete=False)
    assert with_sweeps(lambda endpoint: endpoint.bodies.discard(client.receive)) <= BODY_TIMEOUT_S + 0.5
    whole = Client([b" " * 100, b" "])
    assert with_sweeps(lambda endpoint: endpoint.bodies.discard(whole.receive)) == 0


def test_answers_are_json() -> None:
    for reply in (post()[0], post([b"x"])[0]):
        assert reply.headers["content-type"] == "application/json"
        orjson.loads(reply.body)

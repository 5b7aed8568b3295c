"""Too fast, too many at once: refused in the same words on both pipelines, told when to come again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from metrics_core.wire import encode_batch
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.samples import a_run
from tests.support.waiting import until

RATE = 50
MOST_IN_FLIGHT = 8
MOST_CONNECTIONS = 12
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def bounded() -> Iterator[Pipelines]:
    settings = {"PRODUCER_RATE": str(RATE), "MAX_IN_FLIGHT": str(MOST_IN_FLIGHT)}
    with temporary_pipelines(**settings, MAX_CONNECTIONS=str(MOST_CONNECTIONS)) as running:
        running.start_a(workers=1)
        running.start("websocket")
        yield running


def post(bounded: Pipelines, body: bytes) -> httpx2.Response:
    url = f"http://127.0.0.1:{bounded.ingest_port}/v1/samples"
    return httpx2.post(url, content=body, headers=JSON, trust_env=False, timeout=30)


def ingest_b(bounded: Pipelines) -> ClientConnection:
    url = f"ws://127.0.0.1:{bounded.websocket_port}/v1/ingest"
    return connect(url, compression=None, proxy=None, open_timeout=30)


def test_a_producer_over_its_rate_gets_the_same_verdict_on_both(bounded: Pipelines) -> None:
    n = 20 * RATE  # 20 s of its rate in one batch: the next one is refused for 18 s
    burst = [encode_batch(a_run("greedy", 1, range(low, low + n))) for low in (0, n)]
    honest = encode_batch(a_run("honest", 1, range(5)))
    answers = [post(bounded, body) for body in burst]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert post(bounded, honest).status_code == 202, "another producer feels nothing"
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 18
    with ingest_b(bounded) as producer:
        for body in [*burst, honest]:
            producer.send(body.decode(), text=True)
        said: list[dict[str, Any]] = []
        while not said or said[-1] != {"type": "ack", "frames": len(burst) + 1}:
            said.append(msgspec.json.decode(producer.recv(timeout=30)))
    rejects = [answer for answer in said if answer["type"] == "reject"]
    assert rejects[-1] == {"type": "reject", "frame": len(burst) - 1, **refused.json()}
    assert refused.json() == {"error": "rate_limited", "detail": f"greedy may send {RATE} samples/s"}


def test_what_was_refused_may_come_again_and_counts_once(bounded: Pipelines) -> None:
    n = 6 * RATE
    body = encode_batch(a_run("patient", 1, range(n)))
    more = encode_batch(a_run("patient", 1, range(n, n + 1)))
    assert post(bounded, body).status_code == 202
    assert post(bounded, more).status_code == 429
    until(lambda: post(bounded, more).status_code == 202, "the rate is earned again", 30)
    until(lambda: bounded.processed("patient") == [[0, n]], "all of it is processed once", 30)


def half_a_request(bounded: Pipelines) -> socket.socket:
    waiting = socket.create_connection(("127.0.0.1", bounded.ingest_port), 30)
    head = (
        "POST /v1/samples HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "Content-Length: 500",
    )
    waiting.sendall("\r\n".join([*head, "", "["]).encode())
    return waiting


def test_requests_in_hand_are_bounded_and_the_rest_is_told_at_once(bounded: Pipelines) -> None:
    small = encode_batch(a_run("late", 1, range(1)))
    assert post(bounded, small).status_code == 202
    with ExitStack() as stack:
        for _ in range(MOST_IN_FLIGHT):
            stack.enter_context(half_a_request(bounded))
        until(lambda: post(bounded, small).status_code == 429, "the bound is reached")
        refused = post(bounded, small)
        assert refused.json()["error"] == "backlog_full"
        assert refused.headers["retry-after"] == "1"
        assert bounded.get(bounded.ingest_port, "/healthz") == {"status": "ok"}
    until(lambda: post(bounded, small).status_code == 202, "there is room again")


@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/feed"])
def test_connections_are_bounded_at_the_handshake(bounded: Pipelines, path: str) -> None:
    url = f"ws://127.0.0.1:{bounded.websocket_port}{path}"
    with ExitStack() as stack:
        held = [
            stack.enter_context(connect(url, compression=None, proxy=None, open_timeout=30))
            for _ in range(MOST_CONNECTIONS)
        ]
        with pytest.raises(InvalidStatus) as refused:
            connect(url, compression=None, proxy=None, open_timeout=30).__enter__()
        response = refused.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert msgspec.json.decode(response.body)["error"] == "too_many_connections"
        assert bounded.get(bounded.websocket_port, "/readyz") == {"status": "ready"}
        assert bounded.metric("connections_refused_total", bounded.websocket_port) >= 1
        for connection in held[:3]:
            connection.close()

        def fits() -> bool:
            try:
                stack.enter_context(connect(url, compression=None, proxy=None, open_timeout=30))
            except InvalidStatus:
                return False
            return True

        until(fits, "one that left makes room")

"""A phone's page on another port: the lab's own page gets leave to send, every other one gets 403 and no leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from lab_runtime.guards import FOREIGN, GuardedApp, Guards
from lab_runtime.tokens import JOIN_KIND, sign
from metrics_core.errors import Unavailable
from metrics_core.sink import Batch
from metrics_core.wire import encode_batch
from pipeline_http_redis.ingest import Counts
from pipeline_http_redis.server import IngestServer
from tests.support.samples import a_sample

OURS = "http://127.0.0.1:8765"
MASTER = "the lab's own token"
PHONE, SERVER = encode_batch([a_sample("phone-anna")]), encode_batch([a_sample("web-01")])
ASKS = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


class Behind:
    """What is behind the ingest: takes batches, or refuses them."""

    def __init__(self) -> None:
        self.held: list[Batch] = []
        self.full = False
        self.sink, self.counts = self, Counts()

    async def accept(self, batch: Batch) -> None:
        if self.full:
            raise Unavailable("Redis does not answer")
        self.held.append(batch)

    def __getattr__(self, _: str) -> Callable[[], Any]:
        async def nothing() -> None:
            return None

        return nothing


@pytest.fixture
def behind() -> Behind:
    return Behind()


def client_of(behind: Any, token: str = "") -> TestClient:
    async def made() -> Starlette:
        return IngestServer("127.0.0.1", 0, Guards(token=token), behind).app()

    return TestClient(asyncio.run(made()), base_url="http://127.0.0.1:8766")


def send(client: TestClient, body: bytes = PHONE, token: str = "", **headers: str) -> Any:
    bearer = {"authorization": f"Bearer {token}"} if token else {}
    return client.post(
        "/v1/samples", content=body, headers={"content-type": "application/json"} | bearer | headers
    )


def test_the_labs_page_may_ask_and_send(behind: Behind) -> None:
    client = client_of(behind)
    asked = client.options("/v1/samples", headers={"origin": OURS} | ASKS)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == OURS
    assert asked.headers["access-control-allow-methods"] == "POST"
    assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
    sent = send(client, origin=OURS)
    assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (202, OURS)
    assert len(behind.held) == 1


def test_the_question_needs_no_token_and_the_samples_do(behind: Behind) -> None:
    client = client_of(behind, MASTER)
    assert client.options("/v1/samples", headers={"origin": OURS} | ASKS).status_code == 204
    refused = send(client, origin=OURS)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, OURS)
    assert behind.held == []


@pytest.mark.parametrize(
    "origin", ["null", "http://127.0.0.1:9999", "http://evil.example", "https://127.0.0.1"]
)
def test_a_foreign_page_gets_no_leave(behind: Behind, origin: str) -> None:
    client = client_of(behind)
    for answer in (
        client.options("/v1/samples", headers={"origin": origin} | ASKS),
        send(client, origin=origin),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (403, FOREIGN)
        assert not any(name.startswith("access-control") for name in answer.headers)
    assert behind.held == []


def test_a_refusal_can_be_read_with_its_wait(behind: Behind) -> None:
    behind.full = True
    refused = send(client_of(behind), origin=OURS)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["access-control-expose-headers"] == "retry-after"


def test_who_is_no_page_sees_no_difference(behind: Behind) -> None:
    client = client_of(behind)
    sent = send(client)
    assert sent.status_code == 202
    assert not any(name.startswith("access-control") for name in sent.headers)
    for headers in ({}, {"origin": OURS}, {"origin": OURS, "access-control-request-method": "DELETE"}):
        asked = client.options("/v1/samples", headers=headers)
        assert (asked.status_code, asked.headers["allow"]) == (405, "POST")


def test_a_token_for_joining_sends_as_a_phone_and_reads_nothing(behind: Behind) -> None:
    client, token = client_of(behind, MASTER), sign(MASTER, 9_999_999_999, JOIN_KIND)
    assert send(client, PHONE, token).status_code == 202
    refused = send(client, SERVER, token)
    assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
    assert send(client, SERVER, MASTER).status_code == 202
    assert [batch.samples[0].producer for batch in behind.held] == ["phone-anna", "web-01"]
    assert behind.counts.rejected == 1
    for path in ("/v1/ledger", "/v1/windows", "/v1/whereabouts", "/v1/histograms"):
        assert client.get(path, headers={"authorization": f"Bearer {token}"}).status_code == 401, path


def test_other_middleware_keeps_asking_for_the_whole_token() -> None:
    """What is not named as a door for joining is none."""
    guarded = Middleware(GuardedApp, Guards(token=MASTER), lambda path: True, frozenset(), frozenset({"/a"}))
    client = TestClient(Starlette(middleware=[guarded]), base_url="http://127.0.0.1:8766")
    named = {"authorization": f"Bearer {sign(MASTER, 9_999_999_999, JOIN_KIND)}"}
    assert [client.get(path, headers=named).status_code for path in ("/a", "/b")] == [404, 401]

"""Samples by HTTP: `POST /v1/samples`, one request at a time per producer, HTTP/1.1 or HTTP/2.

All producers of a protocol share one client: HTTP/1.1 a few connections, HTTP/2 the streams of one. At most
`CONCURRENT_REQUESTS` are on their way; the others wait for their turn here, where that is cheap.

A batch is acked only by `202` with the right count. Another 4xx than 408 and 429 is a refusal for good.
Everything else is tried again: after what `Retry-After` says, with a jittered backoff. A lost answer means a
batch sent twice, which pipeline A counts as duplicates and nothing more.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Final, Literal, NamedTuple

import httpx2
import msgspec

from fake_servers.config import FleetConfig
from fake_servers.link import SEND_TIMEOUT_S, Link
from fake_servers.outbox import parcel_size
from fake_servers.retry import Backoff, LinkFault, parse_retry_after, reason_of

CONCURRENT_REQUESTS: Final = 32
"""Requests on their way per client; below the 100 streams that HTTP/2 servers commonly allow."""

_IDLE_S: Final = 60.0  # shorter than the 75 s after which the ingest closes an idle connection
# A dead connection is found before the send ends.
_TIMEOUTS: Final = httpx2.Timeout(SEND_TIMEOUT_S - 2, connect=5.0)
_VERSIONS: Final = {"http1": "HTTP/1.1", "http2": "HTTP/2"}


class Verdict(NamedTuple):
    """What became of a batch: `acked`, `rejected` for good, or to be tried `again`."""

    fate: Literal["acked", "rejected", "again"]
    reason: str = ""
    retry_after_s: float | None = None


class _Accepted(msgspec.Struct):
    accepted: int


class _Error(msgspec.Struct):
    error: str = ""
    detail: str = ""


def judge(status: int, body: bytes, samples: int, retry_after_s: float | None = None) -> Verdict:
    """What an answer means for a batch of `samples` samples. Pure."""
    if status == 202:
        try:
            accepted = msgspec.json.decode(body, type=_Accepted).accepted
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Verdict("again", "202 without a count")
        if accepted != samples:
            return Verdict("again", f"202 for {accepted} of {samples} samples")
        return Verdict("acked")
    try:
        said = msgspec.json.decode(body, type=_Error)
        reason = f"{status} {said.error}: {said.detail}"[:300]
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = str(status)
    if 400 <= status < 500 and status not in (408, 429):
        return Verdict("rejected", reason)
    return Verdict("again", reason, retry_after_s)


class HttpClient:
    """The shared client of one protocol.

    Args:
        config: Where the ingest is, and the token.
        transport: `http1` or `http2`; over `http://`, HTTP/2 is spoken by prior knowledge.
    """

    def __init__(self, config: FleetConfig, transport: str) -> None:
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": "fake-servers",
        }
        if config.token:
            headers["authorization"] = f"Bearer {config.token}"
        secure = config.ingest_url.startswith("https:")
        # Without TLS a bare context does: reading the system's certificates would cost 5 MB.
        context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx2.AsyncClient(
            http1=transport == "http1",
            http2=transport == "http2",
            headers=headers,
            timeout=_TIMEOUTS,
            limits=httpx2.Limits(
                max_connections=CONCURRENT_REQUESTS,
                max_keepalive_connections=CONCURRENT_REQUESTS,
                keepalive_expiry=_IDLE_S,
            ),
            verify=context,
            trust_env=False,  # no proxy between the fleet and the lab
        )
        self._url = httpx2.URL(config.ingest_url + "/v1/samples")
        self._version = _VERSIONS[transport]
        self._turn = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._knocking = asyncio.Lock()
        self._reached = False

    async def post(self, body: bytes, samples: int) -> Verdict:
        """Send one batch.

        Raises:
            LinkFault: There is no answer, or it came by another protocol than the one asked for.
        """
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S), self._turn:
                answer = await self._knock(body)
        except (TimeoutError, httpx2.TimeoutException):
            self._reached = False
            raise LinkFault("no answer in time") from None
        except (httpx2.HTTPError, OSError) as error:
            self._reached = False
            raise LinkFault(reason_of(error)) from None
        self._reached = True
        if answer.http_version != self._version:
            raise LinkFault(f"asked for {self._version}, was answered by {answer.http_version}")
        retry_after_s = parse_retry_after(answer.headers.get("retry-after"), time.time())
        return judge(answer.status_code, answer.content, samples, retry_after_s)

    async def _knock(self, body: bytes) -> httpx2.Response:
        """Send; while the server is not reached, one at a time.

        That spares a server that comes back, and a leak of httpcore2 2.16: of requests that share a connection
        still to be opened, it lets the second try after the first has failed, and forgets what that opens.
        """
        if self._reached:
            return await self._client.post(self._url, content=body)
        async with self._knocking:
            return await self._client.post(self._url, content=body)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


async def send_by_http(link: Link, client: HttpClient, backoff: Backoff) -> None:
    """Send what the link offers, one request at a time, until cancelled."""
    outbox = link.outbox
    while True:
        parcel = link.next_parcel()
        if parcel is None:
            link.wake.clear()
            await link.wake.wait()
            continue
        link.in_flight = 1
        try:
            verdict = await client.post(link.encode(parcel), parcel_size(parcel))
        except LinkFault as fault:
            verdict = Verdict("again", str(fault))
            link.down(str(fault))
        except Exception:
            outbox.give_back(parcel)
            raise
        else:
            link.up()
        finally:
            link.in_flight = 0
        match verdict.fate:
            case "acked":
                outbox.ack(parcel)
                backoff.reset()
            case "rejected":
                link.rejected(parcel, verdict.reason)
            case "again":
                outbox.give_back(parcel)
                link.last_error = verdict.reason
                await asyncio.sleep(backoff.next_delay_s(verdict.retry_after_s))

"""Samples by HTTP: `POST /v1/samples`, one request at a time per producer, HTTP/1.1 or HTTP/2.

All producers of a protocol share one client: HTTP/1.1 a few connections, HTTP/2 the streams of one. At most
`CONCURRENT_REQUESTS` are on their way; the others wait for their turn here, where that is cheap.

A batch is acked only by `202` with the right count. A 4xx that is about the batch is a refusal for good.
Everything else is tried again: after what `Retry-After` says, with a jittered backoff. A lost answer means a
batch sent twice, which pipeline A counts as duplicates and nothing more.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Coroutine
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import httpx2
import msgspec

from fake_servers.config import FleetConfig
from fake_servers.link import SEND_TIMEOUT_S, Link
from fake_servers.outbox import parcel_size
from fake_servers.retry import Backoff, LinkFault, parse_retry_after, reason_of
from fake_servers.torn import tear_request
from fake_servers.trace import choice, trace_header
from lab_runtime.tls import client_context

CONCURRENT_REQUESTS: Final = 32
"""Requests on their way per client; below the 100 streams that HTTP/2 servers commonly allow."""

_IDLE_S: Final = 60.0  # shorter than the 75 s after which the ingest closes an idle connection
# A dead connection is found before the send ends.
_TIMEOUTS: Final = httpx2.Timeout(SEND_TIMEOUT_S - 2, connect=5.0)
_NOT_ABOUT_THE_BATCH: Final = frozenset({401, 403, 408, 421, 429})
"""Token, origin, time, host, rate: pipeline B says these at the handshake, and the samples wait there, too."""

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
        reason = f"{said.error}: {said.detail}"[:300]
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = ""
    if 400 <= status < 500 and status not in _NOT_ABOUT_THE_BATCH:
        return Verdict("rejected", reason or f"status {status}")  # in pipeline B's words: it has no status
    return Verdict("again", f"{status} {reason}".rstrip(), retry_after_s)


class HttpClient:
    """The shared client of one protocol.

    Args:
        config: Where the ingest is, and the token.
        transport: `http1` or `http2`; over `http://`, HTTP/2 is spoken by prior knowledge.
    """

    def __init__(self, config: FleetConfig, transport: str) -> None:
        self._headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": "fake-servers",
        }
        if config.token:
            self._headers["authorization"] = f"Bearer {config.token}"
        self._secure = config.ingest_url.startswith("https:")
        elsewhere = self._secure and config.tls is None  # an ingest that is not this lab's own
        self._context = ssl.create_default_context() if elsewhere else client_context(config.tls)
        self._transport = transport
        self._configured = config.ingest_url + "/v1/samples"
        self._url = httpx2.URL(self._configured)
        self._version = _VERSIONS[transport]
        self._turn = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._tearing = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._knocking = asyncio.Lock()
        self._reached = False
        self._client = self._connections()

    def _connections(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            http1=self._transport == "http1",
            http2=self._transport == "http2",
            headers=self._headers,
            timeout=_TIMEOUTS,
            limits=httpx2.Limits(
                max_connections=CONCURRENT_REQUESTS,
                max_keepalive_connections=CONCURRENT_REQUESTS,
                keepalive_expiry=_IDLE_S,
            ),
            verify=self._context,
            trust_env=False,  # no proxy between the fleet and the lab
        )

    def renew(self) -> Coroutine[None, None, None]:
        """Have fresh connections from now on.

        Returns:
            What closes the old ones.
        """
        old, self._client, self._reached = self._client, self._connections(), False
        return old.aclose()

    def lead_to(self, netloc: str | None) -> None:
        """Speak to another host and port, by the same protocol; None: back to the configured one. `renew` next."""
        parts = urlsplit(self._configured)
        self._url = httpx2.URL(parts._replace(netloc=netloc or parts.netloc).geturl())

    async def tear(self, body: bytes) -> None:
        """Send half of a request, then cut."""
        context = self._context if self._secure else None
        async with self._tearing:  # no turn of the others: they may wait for an answer that does not come
            await tear_request(str(self._url), self._transport, self._headers, body, context)

    async def post(self, body: bytes, samples: int, traced: int | None = None) -> Verdict:
        """Send one batch.

        Args:
            body: Its bytes.
            samples: How many it holds.
            traced: Number of the one whose way is to be told; None: of none.

        Raises:
            LinkFault: There is no answer, or it came by another protocol than the one asked for.
        """
        try:
            # The time starts with the turn: else a slow server would turn those that wait into failures, and more
            # failures would make it slower.
            async with self._turn, asyncio.timeout(SEND_TIMEOUT_S):
                answer = await self._knock(body, traced)
        except (TimeoutError, httpx2.TimeoutException):
            raise LinkFault("no answer in time") from None
        except (httpx2.HTTPError, OSError) as error:
            raise LinkFault(reason_of(error)) from None
        if answer.http_version != self._version:
            raise LinkFault(f"asked for {self._version}, was answered by {answer.http_version}")
        retry_after_s = parse_retry_after(answer.headers.get("retry-after"), time.time())
        return judge(answer.status_code, answer.content, samples, retry_after_s)

    async def _knock(self, body: bytes, traced: int | None) -> httpx2.Response:
        """Send; while the server is not reached, one at a time.

        That spares a server that comes back, and a leak of httpcore2 2.16: of requests that share a connection
        still to be opened, it lets the second try after the first has failed, and forgets what that opens.
        """
        if not self._reached:
            async with self._knocking:
                if not self._reached:  # the one before may have reached it
                    return await self._send(body, traced)
        return await self._send(body, traced)

    async def _send(self, body: bytes, traced: int | None) -> httpx2.Response:
        try:
            answer = await self._client.post(self._url, content=body, headers=trace_header(traced))
        except (Exception, asyncio.CancelledError):
            self._reached = False
            raise
        self._reached = True
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


async def send_by_http(link: Link, client: HttpClient, backoff: Backoff) -> None:
    """Send what the link offers, one request at a time, until cancelled."""
    try:
        while True:
            await _send_next(link, client, backoff)
    finally:
        if link.last_words:
            await client.tear(link.last_words)


async def _send_next(link: Link, client: HttpClient, backoff: Backoff) -> None:
    parcel = link.next_parcel()
    if parcel is None:
        link.wake.clear()
        await link.wake.wait()
        return
    body, samples = link.encode(parcel), parcel_size(parcel)
    link.in_flight = 1
    try:
        await _delay(link)
        verdict = await client.post(body, samples, choice.among(link.history, parcel))
    except LinkFault as fault:
        verdict = Verdict("again", str(fault))
        link.down(str(fault))
    except (Exception, asyncio.CancelledError):
        link.give_back(parcel)
        raise
    else:
        link.up()
    finally:
        link.in_flight = 0
    match verdict.fate:
        case "acked":
            link.acked(parcel)
            backoff.reset()
            await _send_copies(link, client, body, samples)
        case "rejected":
            link.rejected(parcel, verdict.reason)
        case "again":
            link.give_back(parcel)
            link.last_error = verdict.reason
            await asyncio.sleep(backoff.next_delay_s(verdict.retry_after_s))


async def _send_copies(link: Link, client: HttpClient, body: bytes, samples: int) -> None:
    """Send an acked batch again, as often as a fault demands; a copy without an ack is neither counted nor repeated."""
    for _ in range(link.faults.copies - 1):
        link.in_flight = 1
        try:
            await _delay(link)
            verdict = await client.post(body, samples)
        except LinkFault as fault:
            link.down(str(fault))
            return
        finally:
            link.in_flight = 0
        if verdict.fate == "acked":
            link.resent += samples


async def _delay(link: Link) -> None:
    """Wait as long as each send of this producer is to wait now."""
    if delay_s := link.send_delay_s(asyncio.get_running_loop().time()):
        await asyncio.sleep(delay_s)

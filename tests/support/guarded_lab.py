"""A whole lab with a token and TLS, and clients that come to each of its doors as they like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec
import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lab_runtime.tls import TlsFiles, client_context
from lab_runtime.tokens import sign
from metrics_core.wire import encode_batch
from tests.lab_process import LabProcess, alive
from tests.support.samples import a_sample

TOKEN: Final = "correct-horse-battery-staple"
INTRUDER: Final = "intruder-01"
FOREIGN_HOST: Final = "evil.example"
JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Door:
    """One way into the lab.

    Attributes:
        name: In the names of tests.
        part: Key of the lab's URLs.
        path: What is asked.
        method: `WS` for a WebSocket.
        http2: Whether HTTP/2 is spoken.
        body: What is sent.
    """

    name: str
    part: str
    path: str
    method: str = "GET"
    http2: bool = False
    body: bytes = b""


SAMPLE: Final = encode_batch([a_sample(INTRUDER)])
DOORS: Final = (
    Door("ingest-http1", "ingest", "/v1/samples", "POST", body=SAMPLE),
    Door("ingest-http2", "ingest", "/v1/samples", "POST", http2=True, body=SAMPLE),
    Door("ledger-a", "ingest", "/v1/ledger"),
    Door("windows-a", "ingest", "/v1/windows"),
    Door("whereabouts-a", "ingest", "/v1/whereabouts"),
    Door("histograms-a", "ingest", "/v1/histograms"),
    Door("feed-a", "fanout", "/v1/feed", "WS"),
    Door("ingest-b", "pipeline_b_http", "/v1/ingest", "WS", body=SAMPLE),
    Door("feed-b", "pipeline_b_http", "/v1/feed", "WS"),
    Door("ledger-b", "pipeline_b_http", "/v1/ledger"),
    Door("windows-b", "pipeline_b_http", "/v1/windows"),
    Door("whereabouts-b", "pipeline_b_http", "/v1/whereabouts"),
    Door("histograms-b", "pipeline_b_http", "/v1/histograms"),
    Door("knobs-b", "pipeline_b_http", "/v1/knobs", "WS"),
    Door("servers", "fleet", "/api/servers"),
    Door("fleet-ledger", "fleet", "/api/ledger"),
    Door("drain", "fleet", "/api/drain", "POST"),
    Door("fleet-faults", "fleet", "/api/faults", "POST", body=b"{}"),
    Door("lab", "dashboard", "/api/lab"),
    Door("events", "dashboard", "/api/events"),
    Door("processes", "dashboard", "/api/processes"),
    Door("faults", "dashboard", "/api/faults"),
    Door("fault", "dashboard", "/api/faults", "POST", body=b"{}"),
    Door("knobs", "dashboard", "/api/knobs", "POST", body=b"{}"),
    Door("order", "dashboard", "/api/servers/web-01/spike", "POST", body=b"[]"),
    Door("kill", "dashboard", "/api/processes/none/kill", "POST"),
    Door("load", "dashboard", "/api/load", "POST", body=b"{}"),
    Door("marker", "dashboard", "/api/events", "POST", body=b"{}"),
    Door("buffers", "dashboard", "/api/buffers"),
    Door("phones", "dashboard", "/api/join"),
    Door("join", "dashboard", "/api/join", "POST", body=b"{}"),
    Door("report", "dashboard", "/api/join/report", "POST", body=b"{}"),
    Door("leave", "dashboard", "/api/join/leave", "POST", body=b"{}"),
    Door("join-switch", "dashboard", "/api/join/switch", "POST", body=b"{}"),
)
WEBSOCKETS: Final = tuple(door for door in DOORS if door.method == "WS")
CHANGING: Final = tuple(door for door in DOORS if door.method == "POST")


class GuardedLab:
    """A lab that runs with TLS and a token, in a state folder of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.process = LabProcess(state_dir, LAB_TOKEN=TOKEN, LAB_SERVERS="6")
        self.state_dir = state_dir
        self.record = self.process.up("--tls", "--workers", "1")
        self.files = TlsFiles.under(state_dir)
        self.context = client_context(self.files)
        self.answers: list[bytes] = []

    @staticmethod
    def guest(for_s: float) -> str:
        """A guest's token that expires in so many seconds."""
        return sign(TOKEN, int(time.time() + for_s))

    def knock(
        self,
        door: Door,
        token: str | None = TOKEN,
        host: str = "",
        origin: str | None = None,
        in_query: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """Come to a door.

        Args:
            door: Which.
            token: Offered; None: none.
            host: The `Host` to name; empty: the right one.
            origin: The `Origin` to name; None: none.
            in_query: Offer the token as a browser does on a WebSocket.

        Returns:
            The status (101: a WebSocket was opened) and the JSON of the answer, if it is an object.
        """
        headers = {"origin": origin} if origin is not None else {}
        path = door.path
        if token is not None and in_query:
            path += f"?token={token}"
        elif token is not None:
            headers["authorization"] = f"Bearer {token}"
        if door.method == "WS":
            status, body = self._handshake(door, path, headers, host)
        else:
            status, body = self._request(door, path, headers, host)
        self.answers.append(body)
        try:
            answer = msgspec.json.decode(body)
        except msgspec.DecodeError:
            answer = {}
        return status, answer if isinstance(answer, dict) else {}

    def client(self, *, http2: bool = False) -> httpx2.Client:
        """A client that trusts the lab's CA."""
        return httpx2.Client(verify=self.context, http1=not http2, http2=http2, trust_env=False, timeout=20)

    def _request(self, door: Door, path: str, headers: dict[str, str], host: str) -> tuple[int, bytes]:
        named = {"host": host} if host else {}
        with self.client(http2=door.http2) as client:
            url = self.record.urls[door.part].rstrip("/") + path
            answer = client.request(
                door.method, url, content=door.body or None, headers=JSON | headers | named
            )
            return answer.status_code, answer.content

    def _handshake(self, door: Door, path: str, headers: dict[str, str], host: str) -> tuple[int, bytes]:
        async def come() -> tuple[int, bytes]:
            url = httpx2.URL(self.record.urls[door.part])
            where = f"wss://{host or url.host}:{url.port}{path}"
            try:
                async with self.websocket(where, url, headers) as connection:
                    if door.body:
                        await connection.send(door.body, text=True)
                        await connection.recv()
                    return 101, b""
            except InvalidStatus as refused:
                return refused.response.status_code, bytes(refused.response.body)

        return asyncio.run(come())

    def websocket(self, where: str, url: httpx2.URL, headers: dict[str, str]) -> connect:
        """A connection to `url` that says it goes to `where`.

        Not by `websockets.sync`: it uses one TLS socket from two threads, which before Python 3.14 loses data now and
        then (1 handshake in 1,000).
        """
        return connect(
            where,
            host=url.host,
            port=url.port,
            ssl=self.context,
            server_hostname=url.host,
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=20,
            close_timeout=2,
        )

    def producers(self, part: str) -> set[str]:
        """The producers of which a pipeline has processed samples."""
        with self.client() as client:
            url = f"{self.record.urls[part]}/v1/ledger"
            answer = client.get(url, headers={"authorization": f"Bearer {TOKEN}"})
            return set(answer.json()["producers"])

    def written(self) -> Iterator[tuple[str, bytes]]:
        """Every file of the state folder, what `up` printed, every command line, and every answer so far."""
        for path in sorted(self.state_dir.rglob("*")):
            if path.is_file():  # not sockets
                yield str(path), path.read_bytes()
        for process in alive(self.record):
            with suppress(psutil.NoSuchProcess):
                yield f"command line of {process.pid}", " ".join(process.cmdline()).encode()
        for answer in self.answers:
            yield "an answer", answer

    def logs(self) -> bytes:
        """What all processes wrote."""
        return b"".join(path.read_bytes() for path in sorted(self.state_dir.glob("*/*.log")))

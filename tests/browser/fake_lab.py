"""A lab that is nothing but its surface: the page's routes over HTTP and two feeds, all on free ports of this machine.

The feeds can be stopped, started again on the same port, and made to send anything. `FakeLab.play` keeps sending
snapshots until told otherwise. Not here: real pipelines.

Long because: it has every route of the page, one short answer each.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.browser.fake_controls import FakeControls
from tests.browser.fake_faults import FakeFaults
from tests.browser.fake_journeys import traces_at
from tests.browser.fake_snapshots import SnapshotMaker, producer_names

DASHBOARD: Final = Path(__file__).resolve().parents[2] / "dashboard"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; connect-src 'self' ws: wss:; "
    "style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'none'"
)
PIPELINES: Final = {"http_redis": "A · HTTP + Redis + RQ", "websocket": "B · WebSocket + memory"}
DEADLINE_S: Final = 10.0

T = TypeVar("T")


def now_us() -> int:
    """Wall clock in µs since 1970."""
    return time.time_ns() // 1000


def chart_js() -> Path:
    """Chart.js as the installed `chartkick` wheel carries it."""
    spec = find_spec("chartkick")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "chartkick is not installed: it carries the Chart.js that the page draws with"
        )
    return Path(spec.origin).parent / "django" / "static" / "chartkick" / "Chart.bundle.js"


class FakeFeed:
    """One WebSocket feed. Its methods may be called from any thread; `loop` runs in one of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._server: Server | None = None
        self._clients: set[ServerConnection] = set()
        self._arrivals = asyncio.Condition()
        self.port = 0
        self.connections = 0

    def start(self) -> None:
        """Listen on the port of before, at first on any free one."""
        self._run(self._start())

    def stop(self) -> None:
        """Close every connection and the port."""
        self._run(self._stop())

    def send(self, message: bytes | str, *, text: bool = True) -> None:
        """Send one message to every dashboard connected, as text unless told otherwise."""
        self._run(self._send(message, text))

    def wait_connected(self) -> None:
        """Wait until a dashboard is connected."""
        self._run(self._wait_connected())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    async def _start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", self.port, compression=None, ping_interval=None)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _send(self, message: bytes | str, text: bool) -> None:
        for client in list(self._clients):
            with suppress(ConnectionClosed):  # it goes while the feed is being stopped
                await client.send(message, text=text)

    async def _wait_connected(self) -> None:
        async with asyncio.timeout(DEADLINE_S), self._arrivals:
            await self._arrivals.wait_for(lambda: bool(self._clients))

    async def _serve(self, connection: ServerConnection) -> None:
        self._clients.add(connection)
        self.connections += 1
        async with self._arrivals:
            self._arrivals.notify_all()
        try:
            await connection.wait_closed()
        finally:
            self._clients.discard(connection)


class PageServer(ThreadingHTTPServer):
    """A thread per connection; a browser opens several at once, and a busy machine is slow to take them."""

    daemon_threads = True
    request_queue_size = 128


class FakeLab:
    """The page's HTTP routes, both feeds, and the makers of their snapshots."""

    def __init__(self, servers: int = 50, rate: float = 1.0, port: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop_thread = threading.Thread(target=self._loop.run_forever, name="fake-feeds", daemon=True)
        self._http = PageServer(("127.0.0.1", port), _handler(self))
        self._http_thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="fake-http", daemon=True
        )
        self.feeds = {name: FakeFeed(self._loop) for name in PIPELINES}
        self.settings: dict[str, Any] = {"servers": servers, "rate": rate, "transport": "twin"}
        self.settings |= {"workers": 2, "fsync": "always", "seed": 1}
        self.events: list[dict[str, Any]] = []
        self.processes: list[dict[str, Any]] = []
        self.api_down = False
        self.faults: FakeFaults | None = FakeFaults()
        self.controls = FakeControls(self.add_event)
        self.audit: dict[str, Any] | None = None
        self.stopped: set[str] = set()
        self.note = ""
        self.buffers: Callable[[], dict[str, Any]] | None = None
        self.traced = False
        self.asked: Counter[str] = Counter()
        self.makers = {
            name: SnapshotMaker(name, producer_names(servers), started_us=now_us() - 60_000_000, rate=rate)
            for name in PIPELINES
        }

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/"

    def start(self) -> None:
        """Serve the page and both feeds."""
        self._loop_thread.start()
        self._http_thread.start()
        for feed in self.feeds.values():
            feed.start()

    def stop(self) -> None:
        """End everything that `start` began."""
        for feed in self.feeds.values():
            feed.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join(DEADLINE_S)
        self._loop.close()
        self._http.shutdown()
        self._http.server_close()
        self._http_thread.join(DEADLINE_S)

    def tick(self, at_us: int | None = None) -> None:
        """Send one snapshot on each feed."""
        for name, feed in self.feeds.items():
            tick_us = at_us or now_us()
            if self.traced:
                self.makers[name].traces = traces_at(name, tick_us)
            feed.send(self.makers[name].encode(tick_us))

    @contextmanager
    def play(self, hz: float = 4.0) -> Iterator[None]:
        """Send snapshots in the background for as long as the block lasts."""
        ended = threading.Event()

        def send() -> None:
            while not ended.wait(1 / hz):
                self.tick()

        thread = threading.Thread(target=send, name="fake-ticks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(DEADLINE_S)

    def add_event(self, kind: str, process: str, text: str) -> None:
        """Add an event as the supervisor would."""
        event = {
            "id": len(self.events) + 1,
            "at_us": now_us(),
            "kind": kind,
            "process": process,
            "text": text,
        }
        self.events.append(event)

    def answer(self, path: str, query: dict[str, list[str]]) -> dict[str, Any] | None:
        """What the control API says to `GET path`; None where it has no such path."""
        if path == "/api/lab":
            ports = {name: feed.port for name, feed in self.feeds.items()}
            pipelines = {
                name: {"label": label, "feed_port": ports[name], "feed_path": "/v1/feed"}
                for name, label in PIPELINES.items()
            }
            run = self.makers["http_redis"].run
            return {
                "run": run,
                "version": "0",
                "pipelines": pipelines,
                "settings": self.settings,
                "feed_hz": 4,
                "fleet_port": 9004,
            }
        if path == "/api/events":
            after = int(query.get("after", ["0"])[0])
            return {"events": [event for event in self.events if event["id"] > after]}
        if path == "/api/processes":
            return {"processes": self.processes}
        if path == "/api/faults" and self.faults is not None:
            return self.faults.state()
        if path == "/api/audit":
            return self.audit
        if path == "/api/servers":
            servers = [{"name": name, "status": "stopped"} for name in sorted(self.stopped)]
            return {"servers": servers}
        if path.startswith("/api/servers/"):
            return {"name": path.rpartition("/")[2], "note": self.note}
        if path == "/api/audit/counts" and self.audit is not None:
            pipelines = {name: {"counts": part["counts"]} for name, part in self.audit["pipelines"].items()}
            return {"at_us": now_us(), "pipelines": pipelines}
        if (answer := self.controls.get(path)) is not None:
            return answer
        if path == "/api/buffers" and self.buffers is not None:
            return self.buffers()
        return None


def _file_of(path: str) -> Path | None:
    if path == "/":
        return DASHBOARD / "index.html"
    if path == "/vendor/chart.js":
        return chart_js()
    if path.startswith("/static/"):
        found = (DASHBOARD / path.removeprefix("/static/")).resolve()
        return found if found.is_relative_to(DASHBOARD) and found.is_file() else None
    return None


def _handler(lab: FakeLab) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            lab.asked[address.path] += 1
            answer = None if lab.api_down else lab.answer(address.path, parse_qs(address.query))
            if answer is not None:
                self._send(HTTPStatus.OK, "application/json", json.dumps(answer).encode())
            elif address.path == "/blank":
                self._send(HTTPStatus.OK, "text/html; charset=utf-8", b"<!doctype html><title>blank</title>")
            elif (file := _file_of(address.path)) is not None:
                kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                self._send(HTTPStatus.OK, kind, file.read_bytes())
            else:
                self._send(HTTPStatus.NOT_FOUND, "application/json", b'{"error": "not_found"}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ordered = None if lab.api_down else lab.controls.order(unquote(self.path), body)
            if ordered is not None:
                self._send(ordered[0], "application/json", json.dumps(ordered[1]).encode())
                return
            if lab.faults is None or lab.api_down:
                self._send(HTTPStatus.BAD_GATEWAY, "application/json", b'{"error": "faults_away"}')
                return
            status, answer = lab.faults.order(self.path, body)
            self._send(status, "application/json", json.dumps(answer).encode())

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    return Handler

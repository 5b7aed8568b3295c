"""Samples by WebSocket: one connection per producer, `resume` first, then frames with cumulative acks.

    producer → pipeline B                         pipeline B → producer
    {"type":"resume","producer":…,"epoch":…}
                                                  {"type":"resume","next_seq":n,"held":[[lo,hi],…]}
    [sample, …]          frame 0
    {"type":"trace",…}   beside some frames
    [sample, …]          frame 1
                                                  {"type":"reject","frame":1,"error":…,"detail":…}
                                                  {"type":"ack","frames":2}

After a cut the producer asks again and sends exactly what the pipeline lacks: what was never acked, and, with
replay, what it acked and lost. Several frames are on their way at once, at most `FRAMES_IN_FLIGHT`; TCP slows
the sender down when the pipeline does not read. A frame without an ack for `SEND_TIMEOUT_S` cuts the
connection.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from fake_servers.config import FleetConfig
from fake_servers.frames import TEMPORARY, Ack, FrameWindow, Reject, Resume, decode
from fake_servers.link import SEND_TIMEOUT_S, Link
from fake_servers.retry import LONGEST_DELAY_S, Backoff, LinkFault, reason_of
from fake_servers.torn import tear_frame
from fake_servers.trace import choice, trace_note
from lab_runtime.tls import client_context

FRAMES_IN_FLIGHT: Final = 64
"""Frames of one connection without an ack."""

_CONNECTING: Final = (
    32  # handshakes at once; of two thousand producers the others queue here, not at the server
)


class WebSocketTransport:
    """What all WebSocket links of the fleet share.

    Args:
        config: Where pipeline B is, and the token.
    """

    def __init__(self, config: FleetConfig) -> None:
        self.replay = config.replay
        self._configured = self._url = config.pipeline_b_url + "/v1/ingest"
        self._headers = {"Authorization": f"Bearer {config.token}"} if config.token else None
        self._tls = client_context(config.tls) if config.tls else None
        self._turn = asyncio.Semaphore(_CONNECTING)

    def lead_to(self, netloc: str | None) -> None:
        """Connect to another host and port from now on; None: to the configured one."""
        parts = urlsplit(self._configured)
        self._url = parts._replace(netloc=netloc or parts.netloc).geturl()

    async def connect(self) -> ClientConnection:
        """Open a connection.

        Raises:
            OSError, TimeoutError, WebSocketException: It cannot be opened.
        """
        async with self._turn:
            return await connect(
                self._url,
                ssl=self._tls,
                compression="deflate",  # offered; whether it is used is the pipeline's choice
                additional_headers=self._headers,
                user_agent_header=None,
                proxy=None,
                open_timeout=5,
                ping_interval=20,
                ping_timeout=20,
                close_timeout=1,
                max_size=2**20,
            )


async def send_by_websocket(link: Link, transport: WebSocketTransport, backoff: Backoff) -> None:
    """Keep a connection and send over it what the link offers, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        connected_s = None
        try:
            socket = await transport.connect()
            try:
                connected_s = loop.time()
                await _Conversation(link, socket, backoff).hold(transport.replay)
            finally:
                await _end(socket, link.last_words)
        except (LinkFault, WebSocketException, OSError, TimeoutError) as fault:
            link.in_flight = 0
            link.down(reason_of(fault))
        if connected_s is not None and loop.time() - connected_s > LONGEST_DELAY_S:
            backoff.reset()  # it was a connection, not a server that accepts and hangs up
        await asyncio.sleep(backoff.next_delay_s())


async def _end(socket: ClientConnection, last_words: bytes | None) -> None:
    """Close in order; at once, or in the middle of sending `last_words`, where a fault wants it so."""
    if last_words is None:
        await socket.close()
    elif last_words:
        await tear_frame(socket, last_words)
    else:
        socket.transport.abort()


class _Conversation:
    """One connection, from `resume` to its end."""

    def __init__(self, link: Link, socket: ClientConnection, backoff: Backoff) -> None:
        self._link, self._socket, self._backoff = link, socket, backoff
        self._window = FrameWindow()
        self._pause_s = 0.0

    async def hold(self, replay: bool) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._resume(replay)
        except TimeoutError:
            raise LinkFault(f"no answer to resume within {SEND_TIMEOUT_S:g} s") from None
        # No TaskGroup: one that fails cancels its own task, and up to Python 3.11.3 (Debian 12 has 3.11.2) leaves
        # that standing: the next timeout then looks like a cancel, and a real cancel like a fault.
        tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._send())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()  # neither ends but by a fault

    async def _resume(self, replay: bool) -> None:
        link, history = self._link, self._link.history
        question = {"type": "resume", "producer": history.producer, "epoch": history.epoch}
        await self._socket.send(msgspec.json.encode(question), text=True)
        answer = decode(await self._socket.recv(decode=False))
        if not isinstance(answer, Resume):
            raise LinkFault(f"resume answered by {msgspec.json.encode(answer).decode()[:300]}")
        link.resume(answer.next_seq, answer.held, replay)
        link.up()

    async def _send(self) -> None:
        link, window = self._link, self._window
        loop = asyncio.get_running_loop()
        while True:
            if self._pause_s:
                pause_s, self._pause_s = self._pause_s, 0.0
                await asyncio.sleep(pause_s)
            while len(window) < FRAMES_IN_FLIGHT and not self._pause_s and (parcel := link.next_parcel()):
                frame = link.encode(parcel)
                traced = choice.among(link.history, parcel)
                for copy in range(link.faults.copies):
                    if delay_s := link.send_delay_s(loop.time()):
                        await asyncio.sleep(delay_s)
                    window.sent(parcel, loop.time(), copy > 0)
                    link.in_flight = len(window)
                    try:
                        async with asyncio.timeout(SEND_TIMEOUT_S):
                            if traced is not None and not copy:
                                await self._socket.send(trace_note(link.history, traced), text=True)
                            await self._socket.send(frame, text=True)
                    except TimeoutError:
                        raise LinkFault(f"not read for {SEND_TIMEOUT_S:g} s") from None
            link.wake.clear()
            if self._pause_s:
                continue
            try:
                async with asyncio.timeout_at(self._deadline_s()):
                    await link.wake.wait()
            except TimeoutError:
                deadline_s = self._deadline_s()
                if deadline_s is not None and deadline_s <= loop.time():
                    raise LinkFault(f"no ack within {SEND_TIMEOUT_S:g} s") from None

    def _deadline_s(self) -> float | None:
        oldest_s = self._window.oldest_s()
        return None if oldest_s is None else oldest_s + SEND_TIMEOUT_S

    async def _receive(self) -> None:
        link, window = self._link, self._window
        while True:
            message = decode(await self._socket.recv(decode=False))
            match message:
                case Ack(frames=frames):
                    copies_before = window.copies_acked
                    for parcel in window.ack(frames):
                        link.acked(parcel)
                        self._backoff.reset()  # not for a frame that was only rejected
                    link.resent += window.copies_acked - copies_before
                case Reject(frame=frame, error=error, detail=detail):
                    refused = window.reject(frame)
                    reason = f"{error}: {detail}"[:300]
                    if refused is None:
                        link.last_error = reason  # of a copy, which is not sent again
                    elif error in TEMPORARY:
                        link.last_error = reason
                        link.give_back(refused)
                        self._pause_s = self._backoff.next_delay_s()
                    else:
                        link.rejected(refused, reason)
                case Resume():
                    raise LinkFault("resume without a question")
            link.in_flight = len(window)
            link.wake.set()

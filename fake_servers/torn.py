"""Sends that end in the middle: what a producer leaves on the wire when it dies. I/O.

A WebSocket producer dies within a frame of its open connection. HTTP producers share their connections, so one that
dies alone gets a connection of its own for its last half request. Nothing of a torn batch may be applied; that is what
the pipelines are tested with.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

import h2.config
import h2.connection
from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

TEAR_WITHIN_S: Final = 1.0
"""After this long the other side is not waited for: then less of the send is on the wire."""

_LOOK_EVERY_S: Final = 0.002
_H2_FRAME_BYTES: Final = 16_384


async def tear_frame(socket: ClientConnection, body: bytes) -> None:
    """Send the first half of a frame, then cut the connection."""
    transport = socket.transport
    frame = Frame(Opcode.TEXT, body).serialize(mask=True)
    try:
        if not transport.is_closing():
            transport.write(frame[: len(frame) // 2])
            await _written(transport)
    finally:
        transport.abort()


async def tear_request(
    url: str, version: str, headers: Mapping[str, str], body: bytes, context: ssl.SSLContext | None
) -> None:
    """Send the first half of a request on a connection of its own, then cut it.

    Args:
        url: Where to, with the path.
        version: `http1` or `http2`; over TLS what the context's ALPN settles on.
        headers: Without `host` and `content-length`.
        body: What is half sent.
        context: For `https:`; None: no TLS.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if context else 80)
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(TEAR_WITHIN_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, port, ssl=context, server_hostname=parts.hostname if context else None
            )
        try:
            if tls := writer.get_extra_info("ssl_object"):
                version = "http2" if tls.selected_alpn_protocol() == "h2" else "http1"
            half = _half_http2 if version == "http2" else _half_http1
            writer.write(half(parts, headers, body))
            await _written(writer.transport)
        finally:
            cast(asyncio.Transport, writer.transport).abort()


def _half_http1(url: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {url.path} HTTP/1.1", f"host: {url.netloc}", f"content-length: {len(body)}"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body[: len(body) // 2]


def _half_http2(url: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    pseudo = [(":method", "POST"), (":authority", url.netloc), (":scheme", url.scheme), (":path", url.path)]
    connection.send_headers(stream, [*pseudo, ("content-length", str(len(body))), *headers.items()])
    # No more than the window that every server gives before its settings are known.
    half = body[: min(len(body) // 2, connection.local_flow_control_window(stream))]
    for start in range(0, len(half), _H2_FRAME_BYTES):
        connection.send_data(stream, half[start : start + _H2_FRAME_BYTES])
    return connection.data_to_send()


async def _written(transport: asyncio.WriteTransport) -> None:
    """Wait until the kernel has it all, or the other side does not take it in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TEAR_WITHIN_S):
            await asyncio.sleep(0)
            while transport.get_write_buffer_size() and not transport.is_closing():
                await asyncio.sleep(_LOOK_EVERY_S)

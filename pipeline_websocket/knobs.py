"""What can be changed in pipeline B while it runs: the rings' capacity, and compression of what producers send.

The port's library parses GET requests only, so a change comes by a WebSocket of its own, `/v1/knobs`, behind the same
guards as everything else: one message, one answer, and it ends.

    asked     {"ring_capacity": 100, "compression": "on"}      any of them; {} only asks
    answered  {"ring_capacity": 100, "compression": "on"}      or {"error": …, "detail": …}, and nothing was changed

Compression is agreed on in the handshake. So a change of it closes the producers' connections with 1012 (service
restart); they connect anew and replay what is not held. The limit on a frame's size counts what is inflated: inflating
stops there, so that no bomb goes off with compression either. A process that is started again begins with its settings.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from lab_runtime.feed import HttpRoutes
from metrics_core.errors import Malformed, RemoteFault, SchemaViolation, TooLarge
from pipeline_websocket.aggregator import Aggregator

PATH: Final = "/v1/knobs"
MOST_BYTES: Final = 1_024
_ASKS_WITHIN_S: Final = 5.0
_WINDOW_BITS: Final = 12
"""4 KiB of memory each way instead of 32; frames are small."""


class KnobChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be changed; None: stays."""

    ring_capacity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    compression: Literal["on", "off"] | None = None


class Knobs:
    """The knobs of one process.

    Args:
        aggregator: Holds the rings.

    Attributes:
        compressed: Whether producers may compress.
        producers: The connections that agreed with the present state.
    """

    def __init__(self, aggregator: Aggregator) -> None:
        self._aggregator = aggregator
        self.compressed = False
        self.producers: set[ServerConnection] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def compressing(self) -> int:
        """How many producers agreed to compress."""
        return sum(bool(connection.protocol.extensions) for connection in self.producers)

    def values(self) -> dict[str, Any]:
        """What is set at the moment."""
        return {
            "ring_capacity": self._aggregator.ring_capacity,
            "compression": "on" if self.compressed else "off",
        }

    def change(self, wished: KnobChange) -> None:
        """Set what is wished."""
        if wished.ring_capacity is not None:
            self._aggregator.resize_rings(wished.ring_capacity)
        compressed = self.compressed if wished.compression is None else wished.compression == "on"
        if compressed != self.compressed:
            self.compressed = compressed
            for connection in self.producers:
                closing = asyncio.ensure_future(
                    connection.close(CloseCode.SERVICE_RESTART, "compression changes: connect again")
                )
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def answer(self, message: bytes) -> bytes:
        """Carry out one message."""
        try:
            self.change(_decode(message))
        except RemoteFault as fault:
            return msgspec.json.encode(fault.as_dict())
        return msgspec.json.encode(self.values())

    async def serve(self, connection: ServerConnection) -> None:
        """Carry out the one message of a connection, answer, and end it."""
        try:
            async with asyncio.timeout(_ASKS_WITHIN_S):
                message = await connection.recv(decode=False)
                await connection.send(self.answer(message), text=True)
        except (ConnectionClosed, TimeoutError):
            return


class KnobRoutes(HttpRoutes):
    """The routes of the port, which offer compression to producers where that is on."""

    def __init__(self, knobs: Knobs, compressible: str, *arguments: Any) -> None:
        """Take the arguments of `HttpRoutes`, the knobs, and the path whose clients may compress before them."""
        super().__init__(*arguments)
        self._knobs, self._compressible = knobs, compressible

    async def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """`process_request` of websockets."""
        answer = await super().__call__(connection, request)
        path = request.path.partition("?")[0]
        if answer is None and self._knobs.compressed and path == self._compressible:
            bits = _WINDOW_BITS
            offer = ServerPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=bits)
            connection.protocol.available_extensions = [offer]
        return answer


def _decode(message: bytes) -> KnobChange:
    if len(message) > MOST_BYTES:
        raise TooLarge(f"expected at most {MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(message, type=KnobChange)
    except msgspec.ValidationError as error:
        raise SchemaViolation(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from None

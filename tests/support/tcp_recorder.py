"""A relay on loopback that keeps what clients send through it, byte for byte: what was really on the wire."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

_PART: Final = 65_536


class Conversation:
    """One connection: what its client sent, and whether it is over."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.over = False


@contextlib.asynccontextmanager
async def recorder(upstream: str) -> AsyncIterator[tuple[str, list[Conversation]]]:
    """Relay to the host and port of a URL until the block ends.

    Yields:
        `127.0.0.1:port` of the relay, and its conversations, oldest first.
    """
    host, _, port = upstream.rpartition("/")[2].partition(":")
    conversations: list[Conversation] = []
    tasks: set[asyncio.Task[None]] = set()

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None
    ) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(_PART):
                if kept is not None:
                    kept += part
                writer.write(part)
                await writer.drain()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        conversation = Conversation()
        conversations.append(conversation)
        try:
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
            ways = [
                asyncio.create_task(pump(reader, there_writer, conversation.sent)),
                asyncio.create_task(pump(there_reader, writer, None)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                there_writer.transport.abort()
        finally:
            conversation.over = True
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", conversations
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

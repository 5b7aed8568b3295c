"""A connection that its client closed is closed here too, at once.

Hypercorn 0.18 lets a connection's keep-alive timer run to its end before it gives the socket back, also when the client
has closed its side: at a keep-alive of 75 s, a hundred new connections a second hold 7,500 dead sockets, more than most
machines let a process have. Here the timer ends with the connection.
"""

from __future__ import annotations

import hypercorn.asyncio.run
from hypercorn.asyncio.tcp_server import TCPServer


class PromptTCPServer(TCPServer):
    """Hypercorn's side of one connection; its timer does not outlive the client."""

    async def _read_data(self) -> None:
        try:
            await super()._read_data()
        finally:
            await self.idle_task.stop()


def install() -> None:
    """Make Hypercorn use it, in this process."""
    hypercorn.asyncio.run.TCPServer = PromptTCPServer  # type: ignore[attr-defined]

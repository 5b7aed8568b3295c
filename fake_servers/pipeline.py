"""One pipeline as the whole fleet sees it: who is linked to it, and what is told once and not per server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab_runtime.logs import get_logger

if TYPE_CHECKING:
    from fake_servers.link import Link

PIPELINE_A: Final = "http_redis"
PIPELINE_B: Final = "websocket"

log = get_logger("fleet")


class PipelineState:
    """One pipeline as the whole fleet sees it; logs when the first link is cut and when the last one is back.

    Args:
        name: `http_redis` or `websocket`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.links: list[Link] = []
        self._down: set[str] = set()
        self._told_of_rejects = False

    def changed(self, link: Link) -> None:
        """A link went up or down."""
        producer, before = link.history.producer, len(self._down)
        if link.connected:
            self._down.discard(producer)
            if before and not self._down:
                log.info("pipeline reached again by all servers", pipeline=self.name)
        else:
            self._down.add(producer)
            if not before and link.on:
                log.warning(
                    "pipeline not reached", pipeline=self.name, server=producer, reason=link.last_error
                )

    def left(self, link: Link) -> None:
        """A link was closed in order; nobody misses it."""
        self._down.discard(link.history.producer)

    def rejected(self, link: Link, samples: int) -> None:
        """A batch was refused for good; told once, counted always."""
        if not self._told_of_rejects:
            self._told_of_rejects = True
            log.warning(
                "samples rejected, further ones are only counted",
                pipeline=self.name,
                server=link.history.producer,
                samples=samples,
                reason=link.last_error,
            )

    def failing(self) -> str | None:
        """Why no server at all reaches the pipeline; None where one does, or none should."""
        used = [link for link in self.links if link.on]
        if not used or any(link.connected for link in used):
            return None
        return next((link.last_error for link in used if link.last_error), "not reached yet")

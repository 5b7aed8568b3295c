"""Sees whether a child can do its work: asks its `/readyz`, or the probe that the plan names."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import anyio
import httpx2

from control_plane.plan import Probe, ReadyUrl
from control_plane.tls import trusted

ASK_EVERY_S: Final = 0.05
ANSWER_WITHIN_S: Final = 2.0


class Prober:
    """Asks until the answer is yes. Used as an async context."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, verify=trusted())

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    async def until_ready(self, probe: Probe) -> None:
        """Return when the child is ready. No deadline: it is cancelled when the child ends, or with the start."""
        while not await self._is_ready(probe):
            await anyio.sleep(ASK_EVERY_S)

    async def _is_ready(self, probe: Probe) -> bool:
        if probe is None:
            return True
        if not isinstance(probe, ReadyUrl):
            return await probe()
        try:
            return (await self._client.get(probe.url)).status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False

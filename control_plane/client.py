"""Asks a running lab: the fleet's and the pipelines' ledgers, the fleet's drain."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx2
import msgspec

from control_plane.tls import trusted
from metrics_core.errors import LabError

ANSWER_WITHIN_S: Final = 15.0  # the fleet answers a drain when it is done, after 10 s at most
PIPELINES: Final = {"http_redis": "ingest", "websocket": "pipeline_b_http"}
"""Each pipeline and the part of the lab that answers for it."""


class LabUnreachable(LabError):
    """A part of the lab does not answer, or not as it should; the text says which and where."""


class LabClient:
    """Reads ledgers over HTTP. Used as an async context.

    Args:
        urls: Where the parts are (`Settings.urls`).
        token: Bearer token; empty: none.
    """

    def __init__(self, urls: Mapping[str, str], token: str) -> None:
        self._urls = urls
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = httpx2.AsyncClient(
            timeout=ANSWER_WITHIN_S, trust_env=False, headers=headers, verify=trusted()
        )

    @classmethod
    def over(cls, client: httpx2.AsyncClient, urls: Mapping[str, str]) -> Self:
        """The same by a client that somebody else opens and closes."""
        asking = cls.__new__(cls)
        asking._urls, asking._client = urls, client
        return asking

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    async def fleet_ledger(self) -> dict[str, Any]:
        """What the producers know, by pipeline: `created`, `acked`, `rejected`."""
        answer = await self.call("GET", "fleet", "/api/ledger")
        return dict(answer["pipelines"])

    async def pipeline_ledger(self, pipeline: str) -> dict[str, Any]:
        """What a pipeline knows: `totals` and `producers`."""
        return await self.call("GET", PIPELINES[pipeline], "/v1/ledger")

    async def whereabouts(self, pipeline: str) -> dict[str, Any]:
        """Where a pipeline's samples are: `places`, `counts`."""
        return await self.call("GET", PIPELINES[pipeline], "/v1/whereabouts")

    async def windows(self, pipeline: str) -> dict[str, Any]:
        """A pipeline's newest samples and windows, exact."""
        return await self.call("GET", PIPELINES[pipeline], "/v1/windows")

    async def drain(self) -> None:
        """Tell the fleet to make no more samples and to send what it holds."""
        await self.call("POST", "fleet", "/api/drain")

    async def call(self, method: str, part: str, path: str, body: object = None) -> dict[str, Any]:
        """One request whose answer is a JSON object.

        Args:
            method: Of HTTP.
            part: Which part of the lab is asked (a name of `Settings.urls`).
            path: With a leading slash.
            body: Sent as JSON; None: no body.

        Raises:
            LabUnreachable: No answer, not a 2xx, or not a JSON object.
        """
        response = await self._answer(method, part, path, body)
        try:
            return msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise LabUnreachable(f"{part} answers no JSON at {response.url} ({error})") from None

    async def text(self, part: str, path: str) -> str:
        """One GET whose answer is text.

        Raises:
            LabUnreachable: No answer, or not a 2xx.
        """
        return (await self._answer("GET", part, path, None)).text

    async def _answer(self, method: str, part: str, path: str, body: object) -> httpx2.Response:
        url = f"{self._urls[part].rstrip('/')}{path}"
        try:
            response = await self._client.request(method, url, json=body)
        except httpx2.HTTPError as error:
            raise LabUnreachable(f"{part} does not answer at {url} ({type(error).__name__})") from None
        if not response.is_success:
            hint = "; set LAB_TOKEN to the token that `up` shows" if response.status_code == 401 else ""
            said = f"{response.text[:200]}{hint}"
            raise LabUnreachable(f"{part} answers {response.status_code} at {url}: {said}")
        return response

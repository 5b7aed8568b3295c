"""The ways from the control API to the parts that change themselves: the fleet over HTTP, pipeline B by a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx2
import msgspec

from control_plane.controls.refusals import NotDone
from control_plane.feed_client import connected
from metrics_core.errors import LabError, RemoteFault

CHANGES_WITHIN_S: Final = 10.0
_B_ANSWERS_WITHIN_S: Final = 5.0
_KNOBS_OF_B: Final = "/v1/knobs"


class FleetAway(RemoteFault):
    """The fleet does not answer."""

    error, status = "fleet_away", 502


class FleetFailed(RemoteFault):
    """The fleet answers that it could not."""

    error, status = "fleet_failed", 502


class Told(RemoteFault):
    """What a part of the lab refused, in its own words."""

    def __init__(self, error: str, detail: str, status: int) -> None:
        self.error, self.status = error, status
        super().__init__(detail)


class FleetDoor:
    """Asks the fleet's control.

    Args:
        url: Where it is.
        client: Gives the HTTP client, once it is open.

    Attributes:
        failures: Requests that it did not answer, or answered with 5xx.
    """

    def __init__(self, url: str, client: Callable[[], httpx2.AsyncClient]) -> None:
        self._url, self._client = url, client
        self.failures = 0

    async def get(self, path: str) -> bytes:
        """The JSON of a GET.

        Raises:
            FleetAway, FleetFailed: There is none.
            Told: The fleet refuses.
        """
        return await self._ask("GET", path, None, None)

    async def post(self, path: str, body: object) -> dict[str, Any]:
        """The answer to a POST of JSON; raises as `get` does."""
        content = await self._ask("POST", path, msgspec.json.encode(body), CHANGES_WITHIN_S)
        try:
            return msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.DecodeError:
            raise FleetFailed("the fleet does not answer with a JSON object") from None

    async def _ask(self, method: str, path: str, body: bytes | None, within_s: float | None) -> bytes:
        more: dict[str, Any] = {"timeout": within_s} if within_s else {}
        if body is not None:
            more |= {"content": body, "headers": {"content-type": "application/json"}}
        try:
            answer = await self._client().request(method, f"{self._url}{path}", **more)
        except httpx2.HTTPError as error:
            self.failures += 1
            raise FleetAway(f"the fleet does not answer ({type(error).__name__})") from None
        if answer.is_success:
            return answer.content
        if answer.status_code < 500:
            raise _refusal(answer)
        self.failures += 1
        raise FleetFailed(f"the fleet answers {answer.status_code}")


def _refusal(answer: httpx2.Response) -> RemoteFault:
    try:
        told = msgspec.json.decode(answer.content, type=dict[str, Any])
        return Told(str(told["error"]), str(told["detail"])[:500], answer.status_code)
    except (msgspec.DecodeError, KeyError):
        return FleetFailed(f"the fleet answers {answer.status_code}")


class PipelineDoor:
    """Asks pipeline B for its knobs (`pipeline_websocket/knobs.py`).

    Args:
        url: Of pipeline B, `ws:` or `wss:`.
        token: Bearer token; empty: none.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = f"{url}{_KNOBS_OF_B}", token

    async def ask(self, change: dict[str, Any]) -> dict[str, Any]:
        """Change some of its knobs, or none; gives them all.

        Raises:
            NotDone: It does not answer.
            Told: It refuses.
        """
        try:
            async with (
                asyncio.timeout(_B_ANSWERS_WITHIN_S),
                connected(self._url, self._token) as connection,
            ):
                await connection.send(msgspec.json.encode(change).decode(), text=True)
                said = msgspec.json.decode(await connection.recv(), type=dict[str, Any])
        except (LabError, TimeoutError, msgspec.DecodeError):
            raise NotDone("pipeline B does not answer") from None
        if "error" in said:
            raise Told(str(said["error"]), str(said.get("detail")), 422)
        return said

"""The controls over HTTP: knobs, servers, processes, load tests, markers, buffers. Guarded as all of `/api/` is.

A handler checks, hands on to who does it, and tells the run's event log in one sentence (kind `control`). Where that
log cannot be reached the control has acted all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Final

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control_plane.controls.asker import asked_by
from control_plane.controls.board import KnobBoard
from control_plane.controls.buffers import BufferLook
from control_plane.controls.doors import FleetDoor, PipelineDoor
from control_plane.controls.http import Endpoint, Nothing, answering, json_answer, read
from control_plane.controls.keeper import Keeper
from control_plane.controls.knobs import KnobChange
from control_plane.controls.load_runs import LoadRequest, LoadRuns, why_not_here
from control_plane.controls.refusals import Unknown
from control_plane.controls.servers import body_type, check_name, sentence
from control_plane.faults.catalog import Request as FaultRequest
from control_plane.faults.socket import Faults
from fake_servers.faults import EVERYONE
from fake_servers.orders import Broadcast
from lab_runtime.env import Env
from metrics_core.errors import LabError, SchemaViolation

_OWN_PROCESS: Final = "dashboard"
_LAB: Final = "lab"


class Marker(Struct, forbid_unknown_fields=True):
    """A marker on every chart."""

    text: Annotated[str, Meta(min_length=1, max_length=200, description="shown on every chart")]


class Pause(Struct, forbid_unknown_fields=True):
    """For how long a process is to be silent."""

    for_s: Annotated[
        float | None,
        Meta(description="seconds; null: until it is resumed, the dashboard's own process 10 s"),
    ] = None


class Controls:
    """The routes, and what they act through.

    Args:
        env: The settings.
        fleet: The way to the fleet.
        keeper: Gives the lab's keeper.
        faults: Gives the fault engine.
    """

    def __init__(
        self, env: Env, fleet: FleetDoor, keeper: Callable[[], Keeper], faults: Callable[[], Faults]
    ) -> None:
        pipeline_b = PipelineDoor(env.url("LAB_PIPELINE_B_URL", "ws", 3), env.token())
        self._fleet, self._keeper, self._faults = fleet, keeper, faults
        self._board = KnobBoard(fleet, pipeline_b, keeper)
        self.look = self._board.look
        self._buffers = BufferLook(env, fleet)
        self.load_runs = LoadRuns(why_not_here(env), lambda text: self._tell(_LAB, text))

    def routes(self) -> list[Route]:
        """The routes."""
        posts: dict[str, Endpoint] = {
            "/api/knobs": self._turn,
            "/api/servers/{name}/{action}": self._act,
            "/api/broadcast": self._broadcast,
            "/api/processes/{name}/kill": self._kill,
            "/api/processes/{name}/pause": self._pause,
            "/api/processes/{name}/resume": self._resume,
            "/api/load": self._start_load,
            "/api/load/stop": self._stop_load,
            "/api/events": self._mark,
        }
        gets: dict[str, Endpoint] = {
            "/api/knobs": self._knobs,
            "/api/servers/{name}": self._server,
            "/api/load": self._load,
            "/api/buffers": self._look_at_buffers,
        }
        return [Route(path, answering(endpoint)) for path, endpoint in gets.items()] + [
            Route(path, answering(endpoint), methods=["POST"]) for path, endpoint in posts.items()
        ]

    async def _knobs(self, _: Request) -> Response:
        return json_answer(await self._board.look())

    async def _turn(self, request: Request) -> Response:
        after, turned = await self._board.change(await read(request, KnobChange))
        await self._tell(_LAB, ", ".join(turned))
        return json_answer(after)

    async def _server(self, request: Request) -> Response:
        name = check_name(request.path_params["name"])
        return Response(await self._fleet.get(f"/api/servers/{name}"), media_type="application/json")

    async def _act(self, request: Request) -> Response:
        name, action = check_name(request.path_params["name"]), request.path_params["action"]
        asked = await read(request, body_type(action))
        answer = await self._fleet.post(f"/api/servers/{name}/{action}", asked)
        await self._tell(name, sentence(name, action, asked))
        return json_answer(answer)

    async def _broadcast(self, request: Request) -> Response:
        asked = await read(request, Broadcast)
        answer = await self._fleet.post("/api/broadcast", asked)
        await self._tell(EVERYONE, f"broadcast: {_one_line(asked.text)}")
        return json_answer(answer)

    async def _kill(self, request: Request) -> Response:
        await read(request, Nothing)
        order = FaultRequest("kill", request.path_params["name"])
        return json_answer(await self._faults().begin(order, asked_by(request.headers.raw)), 201)

    async def _pause(self, request: Request) -> Response:
        name, asked = request.path_params["name"], await read(request, Pause)
        order = FaultRequest("pause", name)
        if asked.for_s is not None:
            order.for_s = asked.for_s
        elif name != _OWN_PROCESS:  # paused without end, it could never hear that it shall go on
            order.for_s = None
        return json_answer(await self._faults().begin(order, asked_by(request.headers.raw)), 201)

    async def _resume(self, request: Request) -> Response:
        await read(request, Nothing)
        name, faults = request.path_params["name"], self._faults()
        for fault in (await faults.listing())["faults"]:
            if (fault["kind"], fault["target"], fault["state"]) == ("pause", name, "active"):
                return json_answer(await faults.undo(fault["id"]))
        raise Unknown(f"{name:.40} is not paused")

    async def _load(self, _: Request) -> Response:
        return json_answer(self.load_runs.view())

    async def _start_load(self, request: Request) -> Response:
        asked = await read(request, LoadRequest)
        view = await self.load_runs.start(asked)
        await self._tell(
            _LAB, f"load test {asked.arm}: {asked.rate:.15g} samples/s for {asked.duration_s:.15g} s"
        )
        return json_answer(view, 201)

    async def _stop_load(self, request: Request) -> Response:
        await read(request, Nothing)
        view = await self.load_runs.stop()
        await self._tell(_LAB, f"load test {view.arm} was stopped")
        return json_answer(view)

    async def _mark(self, request: Request) -> Response:
        text = _one_line((await read(request, Marker)).text)
        if not text:
            raise SchemaViolation("$.text: expected something that can be read")
        return json_answer(await self._keeper().tell("marker", _LAB, text), 201)

    async def _look_at_buffers(self, _: Request) -> Response:
        return json_answer(await self._buffers.look())

    async def _tell(self, process: str, text: str) -> None:
        await self.tell("control", process, text)

    async def tell(self, kind: str, process: str, text: str) -> None:
        """Put an event into the run's log, where that can be reached."""
        with suppress(LabError):
            await self._keeper().tell(kind, process, text)


def _one_line(text: str) -> str:
    """A text without line breaks and other control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())

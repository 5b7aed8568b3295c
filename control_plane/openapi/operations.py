"""Every operation of the control API: the one table that the description is made of.

A test holds it against the routes that are really served. What is asked and answered is told by the very types that
requests are checked by. Not here: the form of the description (`document.py`, `page.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct

from control_plane.controls.buffers import Buffers
from control_plane.controls.http import Nothing
from control_plane.controls.knobs import KnobChange, Knobs
from control_plane.controls.load_runs import LoadRequest, LoadView
from control_plane.controls.routes import Marker, Pause
from control_plane.controls.servers import MEANINGS, Affected
from control_plane.events import Event
from control_plane.faults.catalog import Request as FaultRequest
from control_plane.faults.engine import Fault
from control_plane.join.account import Report
from control_plane.join.routes import Joined, JoinRequest, JoinState, JoinSwitch, Reported
from fake_servers.orders import ORDERS, Broadcast

PARAMETERS: Final = {
    "name": "name of a server (`*`: all of them) or of a process",
    "id": "a fault's number",
    "after": "only events with a greater id",
}


class Faults(Struct):
    """What can be broken, and what was."""

    catalog: list[dict[str, Any]]
    faults: list[Fault]


class Events(Struct):
    """What happened in the run, oldest first."""

    events: list[Event]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked.

    Attributes:
        method: Of HTTP.
        path: With parameters in braces.
        tag: The group that it stands in.
        summary: What it does, in a few words.
        asked: Type of the body; None: there is none.
        answers: Type of the answer, or what its JSON object holds in words.
        status: Of a good answer.
        refusals: Statuses of refusals, besides those that every operation has.
        query: Names of its query parameters.
    """

    method: str
    path: str
    tag: str
    summary: str
    asked: type[Struct] | None = None
    answers: type[Struct] | str = ""
    status: int = 200
    refusals: tuple[int, ...] = ()
    query: tuple[str, ...] = ()


TAGS: Final = {
    "lab": "What runs, and what became of every sample.",
    "knobs": "What can be changed while the lab runs.",
    "servers": "The virtual servers.",
    "processes": "End, pause and resume the lab's own processes.",
    "faults": "Break parts on purpose; see docs/faults.md.",
    "load": "Load tests on the lab that runs.",
    "phones": "Phones that join as servers; see docs/phones.md. A phone tells its key in the header `lab-phone`.",
    "about": "This description.",
}

REFUSALS: Final = {
    401: "The token is missing or wrong (only where one is set).",
    403: "A foreign page asks.",
    404: "There is nothing of this name.",
    409: "It cannot be done now: it is active or running already.",
    413: "The body is too long.",
    421: "The host name is not one of the lab's.",
    422: "The body cannot be used, or this lab cannot do it; `detail` says why.",
    502: "A part of the lab does not answer, or did not do it.",
}
EVERYWHERE: Final = (401, 421)
CHANGING: Final = (403, 413, 422, 502)

_OPERATIONS = (
    Operation(
        "GET",
        "/api/lab",
        "lab",
        "what the lab is, its settings now and those that it was started with",
        answers="run, version, pipelines, settings, started_with, feed_hz, fleet_port",
    ),
    Operation(
        "GET",
        "/api/processes",
        "lab",
        "the lab's processes",
        answers="processes: name, pid, CPU, memory, state, restarts",
    ),
    Operation(
        "GET", "/api/events", "lab", "what happened", answers=Events, query=("after",), refusals=(400,)
    ),
    Operation("POST", "/api/events", "lab", "put a marker on every chart", Marker, Event, 201),
    Operation(
        "GET",
        "/api/ledger",
        "lab",
        "what the servers know of their samples",
        answers="pipelines: created, acked, rejected … as intervals",
        refusals=(502,),
    ),
    Operation(
        "GET",
        "/api/audit",
        "lab",
        "the fate of every sample",
        answers="at_us, pipelines: counts, equations, producers",
        refusals=(502,),
    ),
    Operation(
        "GET",
        "/api/audit/counts",
        "lab",
        "how many samples met each fate",
        answers="at_us, pipelines: ok, counts",
        refusals=(502,),
    ),
    Operation("GET", "/api/buffers", "lab", "what waits in outboxes and sockets", answers=Buffers),
    Operation(
        "GET", "/api/knobs", "knobs", "all knobs, their bounds, and what is not available here", answers=Knobs
    ),
    Operation(
        "POST", "/api/knobs", "knobs", "turn knobs, any of them; all are checked first", KnobChange, Knobs
    ),
    Operation("GET", "/api/servers", "servers", "every server", answers="servers", refusals=(502,)),
    Operation(
        "GET",
        "/api/servers/{name}",
        "servers",
        "one server and its newest samples",
        answers="the server, with history",
        refusals=(404, 502),
    ),
    *(
        Operation(
            "POST",
            f"/api/servers/{{name}}/{action}",
            "servers",
            meaning,
            ORDERS[action],
            Affected,
            refusals=(404,),
        )
        for action, meaning in MEANINGS.items()
    ),
    Operation("POST", "/api/broadcast", "servers", "tell every server a text", Broadcast, Affected),
    Operation(
        "POST",
        "/api/processes/{name}/kill",
        "processes",
        "end it at once (SIGKILL); it is started again",
        Nothing,
        Fault,
        201,
        (409,),
    ),
    Operation(
        "POST",
        "/api/processes/{name}/pause",
        "processes",
        "let it stand still (SIGSTOP)",
        Pause,
        Fault,
        201,
        (409,),
    ),
    Operation(
        "POST",
        "/api/processes/{name}/resume",
        "processes",
        "let it go on (SIGCONT)",
        Nothing,
        Fault,
        refusals=(404,),
    ),
    Operation(
        "GET", "/api/faults", "faults", "what can be broken, and what was", answers=Faults, refusals=(502,)
    ),
    Operation("POST", "/api/faults", "faults", "break something", FaultRequest, Fault, 201, (409,)),
    Operation("POST", "/api/faults/undo", "faults", "end every fault that is active", answers=Faults),
    Operation("POST", "/api/faults/{id}/undo", "faults", "end one fault", answers=Fault, refusals=(404, 409)),
    Operation(
        "POST",
        "/api/faults/{id}/reveal",
        "faults",
        "make a hidden fault known",
        answers=Fault,
        refusals=(404,),
    ),
    Operation("GET", "/api/load", "load", "the load test that runs, or the last one", answers=LoadView),
    Operation(
        "POST",
        "/api/load",
        "load",
        "start one; it is saved like every run",
        LoadRequest,
        LoadView,
        201,
        (409,),
    ),
    Operation(
        "POST",
        "/api/load/stop",
        "load",
        "stop it; what was measured is saved",
        Nothing,
        LoadView,
        refusals=(409,),
    ),
    Operation(
        "GET", "/api/join", "phones", "where phones find the lab, and how many have", answers=JoinState
    ),
    Operation(
        "GET",
        "/api/join.svg",
        "phones",
        "the link as a QR code",
        answers="an SVG picture",
        refusals=(422,),
    ),
    Operation(
        "POST",
        "/api/join",
        "phones",
        "become a server; a token for joining is enough here, and for the next two",
        JoinRequest,
        Joined,
        201,
        (409,),
    ),
    Operation(
        "POST",
        "/api/join/report",
        "phones",
        "keep the place, and tell what became of the samples; not in audit.jsonl",
        Report,
        Reported,
        refusals=(404,),
    ),
    Operation(
        "POST",
        "/api/join/leave",
        "phones",
        "give the place back, with a last report",
        Report,
        Reported,
        refusals=(404,),
    ),
    Operation(
        "POST",
        "/api/join/switch",
        "phones",
        "let phones join, or send them all away",
        JoinSwitch,
        JoinState,
    ),
    Operation(
        "GET", "/api/openapi.json", "about", "this description, OpenAPI 3.1", answers="an OpenAPI document"
    ),
    Operation("GET", "/api/docs", "about", "this description, to read", answers="a page"),
)

OPERATIONS: Final[tuple[Operation, ...]] = _OPERATIONS
"""In the order of the page."""

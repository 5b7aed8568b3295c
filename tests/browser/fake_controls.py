"""The controls of a lab that turns nothing: the real tables of knobs and actions, and what each order would answer.

What was ordered is kept, and what it would have moved is moved where the page can see it: a test reads both. Not here:
HTTP (`fake_lab.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from control_plane.controls.http import decode
from control_plane.controls.knobs import KnobChange, listed
from control_plane.controls.load_runs import LoadRequest, LoadView
from control_plane.controls.servers import body_type
from fake_servers.orders import Broadcast
from metrics_core.errors import RemoteFault

Answer = tuple[HTTPStatus, dict[str, Any]]
AS_STARTED: Final[dict[str, Any]] = {
    "rate_factor": 1,
    "batch": 1,
    "transport": "twin",
    "replay": "on",
    "servers": 50,
    "workers": 2,
    "ring_capacity": 512,
    "compression": "off",
    "fsync": "always",
}
PATHS: Final = re.compile(
    r"/api/(knobs|broadcast|load|load/stop|events|servers/[^/]+/\w+|processes/[^/]+/(?:kill|pause|resume))"
)


class FakeControls:
    """Knobs, servers, processes and a load test that only answer.

    Attributes:
        orders: Path and body of every order, oldest first.
        told: Called with kind, process and text of each event that the lab would log.
    """

    def __init__(self, told: Callable[[str, str, str], None]) -> None:
        self.told = told
        self.knobs = dict(AS_STARTED)
        self.why_not: dict[str, str] = {}
        self.load = LoadView()
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.refuse = ""

    def get(self, path: str) -> dict[str, Any] | None:
        """What the control API says to `GET path`; None where it is none of the controls'."""
        if path == "/api/knobs":
            return _plain(listed(self.knobs, self.why_not))
        if path == "/api/load":
            return _plain(self.load)
        return None

    def order(self, path: str, body: bytes) -> Answer | None:
        """Answer a `POST`; None where the path is none of the controls'."""
        found = PATHS.fullmatch(path)
        if found is None:
            return None
        self.orders.append((path, msgspec.json.decode(body)))
        if self.refuse:
            return HTTPStatus.BAD_GATEWAY, {"error": "not_done", "detail": self.refuse}
        try:
            return self._carry_out(found[1].split("/"), body)
        except RemoteFault as fault:
            return HTTPStatus(fault.status), fault.as_dict()

    def _carry_out(self, parts: list[str], body: bytes) -> Answer:
        match parts:
            case ["knobs"]:
                wished = decode(body, KnobChange).wished()
                self.knobs |= wished
                self.told("control", "lab", ", ".join(f"{name} → {value}" for name, value in wished.items()))
                return HTTPStatus.OK, _plain(listed(self.knobs, self.why_not))
            case ["broadcast"]:
                self.told("control", "*", f"broadcast: {decode(body, Broadcast).text}")
                return HTTPStatus.OK, {"affected": 50}
            case ["servers", name, action]:
                decode(body, body_type(action))
                self.told("control", name, f"{action} on {name}")
                return HTTPStatus.OK, {"affected": 50 if name == "*" else 1}
            case ["processes", name, action]:
                self.told("control", name, f"{action} on {name}")
                return HTTPStatus.CREATED, {"id": 1, "kind": action, "target": name}
            case ["events"]:
                self.told("marker", "lab", msgspec.json.decode(body)["text"])
                return HTTPStatus.CREATED, {}
            case ["load"]:
                asked = decode(body, LoadRequest)
                self.load = LoadView("running", asked.arm, asked.rate, 0.0, asked.duration_s, text="starting")
                return HTTPStatus.CREATED, _plain(self.load)
        self.load.state, self.load.text = "done", "stopped; 1,000 samples kept"
        return HTTPStatus.OK, _plain(self.load)


def _plain(view: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(view)
    return found

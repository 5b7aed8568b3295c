"""A fault engine that breaks nothing: the real tables and checks, so that the page's fault panel can be pressed.

A fault ends, recovers or fails when a test says so. Not here: HTTP (`fake_lab.py`).
"""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import Any, Final

import msgspec

from control_plane.faults.actuators import FaultRefused
from control_plane.faults.catalog import KINDS, check, decode, entry, sentence

TARGETS: Final = {
    "process": ["worker-1", "worker-2", "redis", "ingest", "fanout", "websocket", "fleet", "dashboard"],
    "worker": ["worker", "worker-1", "worker-2"],
    "store": ["redis"],
    "link": ["fleet-a", "fleet-b", "store"],
    "feed": ["http_redis", "websocket"],
    "pipeline_a": ["http_redis"],
    "server": ["*", "web-01", "db-01"],
    "fleet": ["*"],
}
NOT_HERE: Final = {"disk-full": "a limit on a running process needs Linux"}

Answer = tuple[HTTPStatus, dict[str, Any]]


def _now_us() -> int:
    return time.time_ns() // 1000


class FakeFaults:
    """The engine's list of faults, and its answers to the page's orders."""

    def __init__(self) -> None:
        self.faults: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self._secrets: dict[int, dict[str, Any]] = {}

    def state(self) -> dict[str, Any]:
        """What `GET /api/faults` says."""
        catalog = [entry(kind, TARGETS[kind.on], NOT_HERE.get(name, "")) for name, kind in KINDS.items()]
        return {"catalog": catalog, "faults": self.faults}

    def begin(
        self,
        kind: str,
        target: str,
        grade: float | None = None,
        for_s: float | None = None,
        hidden: bool = False,
    ) -> dict[str, Any]:
        """Cause a fault; one whose effect is over at once is over."""
        number, began_us = len(self.faults) + 1, _now_us()
        secret = {
            "kind": kind,
            "target": target,
            "grade": grade,
            "for_s": for_s,
            "hidden": False,
            "text": sentence(kind, target, grade, for_s),
        }
        fault = secret | {
            "id": number,
            "state": "active" if KINDS[kind].undoable else "over",
            "began_us": began_us,
            "ended_us": None if KINDS[kind].undoable else began_us,
            "recovered_s": None,
            "by": "page",
        }
        if hidden:
            self._secrets[number] = secret
            unknown = {"kind": "?", "target": "?", "grade": None, "for_s": None}
            fault |= unknown | {"hidden": True, "text": f"hidden fault {number}"}
        self.faults.append(fault)
        return fault

    def end(self, fault: dict[str, Any], recovered_s: float | None = None) -> None:
        """End a fault; with the time to recovery where one is given."""
        fault |= {"state": "over", "ended_us": _now_us(), "recovered_s": recovered_s}

    def fail(self, fault: dict[str, Any], reason: str) -> None:
        """Say that a fault did not take place."""
        fault |= {"state": "failed", "ended_us": _now_us()}
        fault["text"] = f"{fault['text']}: did not take place: {reason}"

    def order(self, path: str, body: bytes) -> Answer:
        """Answer a `POST` to a path below `/api/faults`."""
        self.orders.append({"path": path} | msgspec.json.decode(body))
        if path == "/api/faults":
            return self._cause(body)
        if path == "/api/faults/undo":
            for fault in self.faults:
                if fault["state"] == "active":
                    self.end(fault, 0.4)
            return HTTPStatus.OK, self.state()
        found = re.fullmatch(r"/api/faults/(\d+)/(undo|reveal)", path)
        if found is None:
            return HTTPStatus.NOT_FOUND, {"error": "not_found", "detail": "no fault has this id"}
        fault = self.faults[int(found[1]) - 1]
        if found[2] == "undo":
            self.end(fault, 0.4)
        else:
            fault |= self._secrets[fault["id"]]
        return HTTPStatus.OK, fault

    def _cause(self, body: bytes) -> Answer:
        request = decode(body)
        try:
            order = check(request, TARGETS[KINDS[request.kind].on])
        except FaultRefused as error:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "schema", "detail": str(error)}
        name, target = order.kind.name, order.target
        for fault in self.faults:
            if (fault["kind"], fault["target"], fault["state"]) == (name, target, "active"):
                detail = f"{name} acts on {target} already; undo it first"
                return HTTPStatus.CONFLICT, {"error": "conflict", "detail": detail}
        return HTTPStatus.CREATED, self.begin(name, target, order.grade, order.for_s, order.hidden)

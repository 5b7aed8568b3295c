"""A whole lab that a test breaks through its fault engine, and looks at: counters, gauges, processes, events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil

from control_plane.events import Event, read_events
from control_plane.faults.catalog import Request
from control_plane.faults.socket import FarEngine
from control_plane.state import LabRecord, read_record
from tests.lab_process import LabProcess, until

WITHIN_S: Final = 40.0


class FaultLab:
    """A lab that runs, its engine, and looks at it."""

    def __init__(self, process: LabProcess) -> None:
        self.process = process
        self.record = self.now()
        self.engine = FarEngine(Path(self.record.faults_socket))
        self.run_dir = process.state_dir / self.record.run

    def now(self) -> LabRecord:
        record = read_record(self.process.state_dir)
        assert record
        return record

    def begin(self, kind: str, target: str, grade: float | None = None, for_s: float | None = None) -> int:
        request = Request(kind, target, grade)
        if for_s is not None:
            request.for_s = for_s
        found: int = asyncio.run(self.engine.begin(request, "test"))["id"]
        return found

    def undo(self, fault_id: int) -> dict[str, Any]:
        return asyncio.run(self.engine.undo(fault_id))

    def fault(self, fault_id: int) -> dict[str, Any]:
        faults = asyncio.run(self.engine.listing())["faults"]
        found: dict[str, Any] = next(fault for fault in faults if fault["id"] == fault_id)
        return found

    def until_well(self, fault_id: int) -> float:
        """Wait until the engine says that all is well; gives the seconds that it says it took."""
        until(lambda: self.fault(fault_id)["recovered_s"] is not None, WITHIN_S)
        recovered_s: float = self.fault(fault_id)["recovered_s"]
        return recovered_s

    def get(self, offset: int, path: str) -> httpx2.Response | None:
        url = f"http://127.0.0.1:{self.process.port_base + offset}{path}"
        try:
            return httpx2.get(url, trust_env=False, timeout=30)
        except httpx2.TransportError:
            return None

    def total(self, offset: int, name: str) -> int:
        """A counter of the pipeline on that port; -1 while it cannot be had."""
        answer = self.get(offset, "/v1/ledger")
        return int(answer.json()["totals"][name]) if answer and answer.status_code == 200 else -1

    def gauge(self, offset: int, name: str) -> float:
        """A line of the metrics of the process on that port."""
        answer = self.get(offset, "/metrics")
        assert answer is not None
        lines = answer.text.splitlines()
        return float(next(line for line in lines if line.startswith(f"lab_{name}{{")).rpartition(" ")[2])

    def os_process(self, name: str) -> psutil.Process:
        return psutil.Process(next(entry.pid for entry in self.now().processes if entry.name == name))

    def pid(self, name: str) -> int:
        return next(entry.pid for entry in self.now().processes if entry.name == name)

    def state(self, name: str) -> str:
        return next(entry.state for entry in self.now().processes if entry.name == name)

    def events(self, kind: str) -> list[Event]:
        return [event for event in read_events(self.run_dir, 0) if event.kind == kind]

    def moves(self, offset: int) -> None:
        """Wait until the pipeline on that port processes something more."""
        before = self.total(offset, "processed")
        until(lambda: self.total(offset, "processed") > before >= 0, WITHIN_S)

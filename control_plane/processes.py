"""The processes of this lab as `/api/processes` shows them: what `current` names, measured by psutil.

In a container there is no supervisor: then the process that serves the API is all that can be seen from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from control_plane.state import ProcessRecord, find, read_record
from lab_runtime.process import SelfMeter


class ProcessTable:
    """Measures processes between two looks.

    Args:
        state_dir: Where `current` is.
        run: The run whose processes are wanted.
        name: This process, shown where there is no supervisor.
    """

    def __init__(self, state_dir: Path, run: str, name: str) -> None:
        self._state_dir = state_dir
        self._run = run
        self._self = SelfMeter(name)
        self._known: dict[tuple[int, float], psutil.Process] = {}

    def observe(self) -> list[dict[str, Any]]:
        """Every process: name, pid, CPU in percent of one core since the last look, resident bytes, state, restarts.

        CPU and memory are None where the process does not run at the moment.
        """
        record = read_record(self._state_dir)
        if record is None or record.run != self._run:
            own = self._self.observe()
            entry = {"name": own.name, "pid": own.pid, "cpu_percent": own.cpu_percent}
            return [entry | {"rss_bytes": own.rss_bytes, "state": "ready", "restarts": 0}]
        entries = [self._measure(process) for process in record.processes]
        wanted = {(process.pid, process.created_s) for process in record.processes}
        self._known = {key: process for key, process in self._known.items() if key in wanted}
        return entries

    def _measure(self, record: ProcessRecord) -> dict[str, Any]:
        key = (record.pid, record.created_s)
        process = self._known.get(key) or find(record)
        cpu_percent, rss_bytes = None, None
        if process is not None:
            self._known[key] = process
            try:
                cpu_percent, rss_bytes = process.cpu_percent(None), process.memory_info().rss
            except psutil.Error:
                self._known.pop(key, None)
        return {
            "name": record.name,
            "pid": record.pid,
            "cpu_percent": cpu_percent,
            "rss_bytes": rss_bytes,
            "state": record.state,
            "restarts": record.restarts,
        }

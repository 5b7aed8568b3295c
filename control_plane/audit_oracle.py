"""Asks the oracle about a lab that is drained: reads the run's log, and both pipelines' ledgers and windows."""

from __future__ import annotations

from pathlib import Path

import anyio

from control_plane.audit_log import FOLDER
from control_plane.client import PIPELINES, LabClient, LabUnreachable
from control_plane.oracle import Finding, judge, read_log
from lab_runtime.process import now_us

Findings = dict[str, list[Finding]]


async def ask_oracle(client: LabClient, run_dir: Path) -> Findings:
    """What the oracle finds, by pipeline; empty where the producers kept no log.

    Raises:
        LabUnreachable: A part does not answer, or not as it should.
    """
    folder = run_dir / FOLDER
    if not any(folder.glob("*.jsonl")):
        return {}
    found: Findings = {}
    for name in PIPELINES:
        windows, ledger, at_us = await client.windows(name), await client.pipeline_ledger(name), now_us()
        try:
            found[name] = await anyio.to_thread.run_sync(judge, read_log(folder), ledger, windows, at_us)
        except OSError as error:
            raise LabUnreachable(f"the producers' log cannot be read: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise LabUnreachable(
                f"{name} cannot be held against the log: {type(error).__name__} {error}"
            ) from error
    return found

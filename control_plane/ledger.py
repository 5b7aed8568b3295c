"""`ledger`: audit the lab that runs, in this folder or in Docker, while it goes on."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from control_plane.audit import audit_running, fed_by
from control_plane.client import LabClient, LabUnreachable
from control_plane.settings import Settings
from control_plane.state import read_record
from control_plane.terminal import Terminal
from control_plane.up import tell_audit, write_json


async def ledger(settings: Settings, json_path: str | None, wait_s: float, terminal: Terminal) -> int:
    """Audit once.

    Args:
        settings: Where the lab is, unless this folder's state says otherwise.
        json_path: Where the audit goes as JSON; `-` is standard output, None means a table.
        wait_s: How long what is acked may take to be processed.
        terminal: Where the table goes.

    Returns:
        The exit code: 0 where nothing is lost, else 1.

    Raises:
        LabUnreachable: No lab answers.
    """
    record = read_record(settings.state_dir)
    urls = record.urls if record else settings.urls
    try:
        async with LabClient(urls, settings.token) as client:
            found = await audit_running(client, fed_by(settings.transport), wait_s)
    except LabUnreachable as error:
        if record:
            raise
        raise LabUnreachable(f"no lab runs here ({error}); start one with `python3 lab.py up`") from None
    if json_path == "-":
        click.echo(msgspec.json.encode(found.as_dict()).decode())
    else:
        tell_audit(found, terminal)
        write_json(Path(json_path) if json_path else None, found.as_dict())
    return 1 if found.lost else 0

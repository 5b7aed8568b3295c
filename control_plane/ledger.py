"""`ledger`: audit the lab that runs, in this folder or in Docker, while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from control_plane.audit import LABELS, LabAudit, audit_running, fed_by
from control_plane.audit_log import FOLDER, SampleLogTail
from control_plane.audit_view import equation_lines, fates_table, lost_lines, sentences
from control_plane.client import LabClient, LabUnreachable
from control_plane.settings import Settings
from control_plane.state import read_record
from control_plane.terminal import Terminal
from control_plane.up import tell_audit, write_json


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """What `ledger` shows, and where.

    Attributes:
        json_path: Where the audit goes as JSON; `-` is standard output, None means a table.
        wait_s: How long what is acked may take to be processed.
        fates: Show what became of every sample.
        explain: Say why, in a sentence each.
    """

    json_path: str | None = None
    wait_s: float = 10.0
    fates: bool = False
    explain: bool = False


async def ledger(settings: Settings, options: LedgerOptions, terminal: Terminal) -> int:
    """Audit once.

    Args:
        settings: Where the lab is, unless this folder's state says otherwise.
        options: What to show.
        terminal: Where the table goes.

    Returns:
        The exit code: 0 where all that is acked is processed or set aside, else 1.

    Raises:
        LabUnreachable: No lab answers.
    """
    record = read_record(settings.state_dir)
    urls = record.urls if record else settings.urls
    log = SampleLogTail(settings.state_dir / record.run / FOLDER) if record else None
    try:
        async with LabClient(urls, settings.token) as client:
            found = await audit_running(client, fed_by(settings.transport), options.wait_s, log)
    except LabUnreachable as error:
        if record:
            raise
        raise LabUnreachable(f"no lab runs here ({error}); start one with `python3 lab.py up`") from None
    if options.json_path == "-":
        click.echo(msgspec.json.encode(found.as_dict()).decode())
    else:
        _tell(found, options, terminal)
        write_json(Path(options.json_path) if options.json_path else None, found.as_dict())
    return 1 if found.lost or found.waiting else 0


def _tell(found: LabAudit, options: LedgerOptions, terminal: Terminal) -> None:
    tell_audit(found, terminal)
    if options.fates or options.explain:
        terminal.show(fates_table(found.fates, LABELS))
        for line in lost_lines(found.fates, LABELS):
            terminal.say(line, "red")
    if options.explain:
        for line in [*sentences(found.fates, LABELS), *equation_lines(found.fates, LABELS)]:
            terminal.say(line)

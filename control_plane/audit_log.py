"""The producers' own log as an audit reads it while the lab runs: which identities were made, only ever forward.

The fleet writes each sample there before it offers it to a link (`fake_servers/sample_log.py`), so a fleet that is
killed leaves a witness. Each look reads what is new; a line without its end is left for the next look.

Not here: readings, which the oracle reads in its own way (`control_plane/oracle.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from metrics_core.intervals import IntervalSet
from metrics_core.ledger import Ledger

FOLDER: Final = "samples"
"""Below the run's folder."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""Read by one look, about 40,000 samples; a log that grows faster is not held against anything."""


class _Line(Struct):
    producer: str
    epoch: int
    seq: int


_decode = msgspec.json.Decoder(_Line).decode


class SampleLogTail:
    """Reads a folder of log files as they grow.

    Args:
        folder: Where the fleet writes; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}  # file name to bytes read
        self._made: Ledger = {}
        self._unreadable = 0

    def look(self) -> Ledger | None:
        """All identities in the log; None where there is no log, or where it is not whole or not read to its end."""
        left = MOST_BYTES
        for path in sorted(self._folder.glob("*.jsonl")):
            left -= self._read_on(path, left)
            if left <= 0:
                return None
        return self._made if self._made and self._whole() else None

    def _read_on(self, path: Path, most_bytes: int) -> int:
        start = self._read.get(path.name, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                new = file.read(most_bytes)
        except OSError:  # deleted to make room for newer ones
            return 0
        taken = new.rfind(b"\n") + 1
        for line in new[:taken].splitlines():
            try:
                found = _decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._unreadable += 1
                continue
            epochs = self._made.setdefault(found.producer, {})
            epochs.setdefault(found.epoch, IntervalSet()).add(found.seq, found.seq)
        self._read[path.name] = start + taken
        return len(new)

    def _whole(self) -> bool:
        """Whether no line is missing: producers number from 0 without gaps."""
        return not self._unreadable and all(
            len(seqs) == 1 and 0 in seqs for epochs in self._made.values() for seqs in epochs.values()
        )

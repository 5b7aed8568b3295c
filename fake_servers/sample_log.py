"""The producers' own log: every sample as one JSON line, written before it is offered to any link.

It is what an audit can hold both pipelines against without believing either of them, nor the fleet's account in
memory. One `write` per sample, into the kernel's page cache: a SIGKILL of the fleet takes nothing back. So

    in the log   ⊇   created   ⊇   acked

and at most the last line of a file is torn (the fleet was killed in it); its sample was never offered.

Files are `<start of the process, µs>-<number>.jsonl`, so that their names sort by time. They are rotated, and bounded
over all restarts of a run: beyond `MOST_BYTES` or `MOST_FILES` the oldest goes. A disk that takes no more stops the log
and not the fleet: such samples are counted in `failed`. Not here: power loss (nothing is fsynced), and what became of
the samples.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from lab_runtime.logs import get_logger
from metrics_core.sample import Sample
from metrics_core.wire import encode_batch

FILE_BYTES: Final = 16 * 2**20
"""A file that has reached this size is followed by the next."""

MOST_BYTES: Final = 512 * 2**20
"""Of one run: about twelve hours of fifty servers."""

MOST_FILES: Final = 1000
"""Of one run; every start of the fleet begins a file."""

_TRY_AGAIN_EVERY: Final = 1000  # samples, where no file could be opened

log = get_logger("fleet")


class SampleLog:
    """Appends samples to files of a folder.

    Args:
        folder: Made where it is missing.
        started_us: Start of this process, µs since 1970.

    Attributes:
        written: Samples in the log.
        failed: Samples that could not be written.
        files_deleted: Files that made room for newer ones.
    """

    def __init__(self, folder: Path, started_us: int) -> None:
        self.written = self.failed = self.files_deleted = 0
        self._folder, self._started_us = folder, started_us
        self._number, self._size = 0, 0
        self._file = -1
        self._next_file()

    def append(self, sample: Sample) -> None:
        """Write one sample; it is in the kernel's hands afterwards."""
        self.append_line(encode_batch([sample]))

    def append_line(self, body: bytes) -> None:
        """Write one sample that is encoded already (an invalid one, made on purpose, cannot be a `Sample`)."""
        if self._size >= FILE_BYTES or (self._file < 0 and self.failed % _TRY_AGAIN_EVERY == 0):
            self._next_file()
        line = body + b"\n"
        try:
            taken = os.write(self._file, line)
            if taken < len(line):  # the disk is full: no half of a line may stand before the next one
                os.ftruncate(self._file, self._size)
                raise OSError("no space left")
        except OSError as error:
            self._fail(error)
            return
        self._size += taken
        self.written += 1

    def close(self) -> None:
        """No more samples come."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _next_file(self) -> None:
        self.close()
        self._number, self._size = self._number + 1, 0
        path = self._folder / f"{self._started_us}-{self._number:06d}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room()
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if not self.failed:
                log.warning("no log of samples", path=str(path), reason=error.strerror or str(error))

    def _make_room(self) -> None:
        sizes = {path: path.stat().st_size for path in sorted(self._folder.glob("*.jsonl"))}
        left, files = sum(sizes.values()), len(sizes)
        for path, size in sizes.items():
            if left <= MOST_BYTES - FILE_BYTES and files < MOST_FILES:
                break
            path.unlink(missing_ok=True)
            left, files = left - size, files - 1
            self.files_deleted += 1

    def _fail(self, error: OSError) -> None:
        if not self.failed:
            reason = error.strerror or str(error)
            log.warning("samples are not logged, further ones are only counted", reason=reason)
        self.failed += 1

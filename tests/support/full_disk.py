"""A small file system of its own that a test can really fill, and empty again (Linux, root)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FILLER: Final = "filler"


class SmallDisk:
    """A mounted file system of a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave not a byte."""
        with (self.folder / _FILLER).open("ab", buffering=0) as filler:
            for size in (65_536, 512, 1):
                try:
                    while filler.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give the room back."""
        (self.folder / _FILLER).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int = 32) -> Iterator[SmallDisk]:
    """Mount a small disk on an empty folder; gone afterwards.

    Raises:
        AssertionError: It cannot be mounted here; the text says what is needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "lab-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, (
        "this test fills a real file system and must be able to mount a tmpfs (run as root on Linux, in a container "
        f"with CAP_SYS_ADMIN): {' '.join(mount)}: {done.stderr.strip()}"
    )
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], timeout=10, check=False)

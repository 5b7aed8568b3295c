"""Folders for processes under test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_folder() -> Iterator[Path]:
    """An empty folder whose path is short enough for a Unix socket in it; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="lab-t-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

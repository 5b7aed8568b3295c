from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.faults.store import POISON, largest_file
from metrics_core.errors import Malformed
from metrics_core.wire import decode_group


def test_the_largest_file_of_a_folder_is_what_a_full_disk_lets_nothing_be_added_to(tmp_path: Path) -> None:
    assert largest_file(tmp_path) == 0
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "base").write_bytes(b"a" * 10)
    (tmp_path / "appendonlydir" / "increment").write_bytes(b"a" * 30)
    (tmp_path / "log").write_bytes(b"a" * 20)
    assert largest_file(tmp_path) == 30
    assert largest_file(tmp_path / "none") == 0


def test_no_worker_can_decode_a_poisoned_batch() -> None:
    with pytest.raises(Malformed):
        decode_group(POISON)

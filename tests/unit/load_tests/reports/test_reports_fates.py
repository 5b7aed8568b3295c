"""Counts by arm and lost identities, bounded."""

from __future__ import annotations

from load_tests.reports.fates import SHOWN, identity, lost_of, totals
from load_tests.reports.view import Arm
from tests.support.saved_runs import EPOCH, make_run


def test_identities_read_as_intervals() -> None:
    assert identity("web-01", "7", 3, 3) == "web-01, epoch 7, seq 3"
    assert identity("web-01", "7", 3, 1005) == "web-01, epoch 7, seq 3 to 1005 (1,003)"


def test_the_list_is_bounded_and_says_what_it_leaves_out() -> None:
    missing = {"load-00": {EPOCH: [[10 * n, 10 * n + 1] for n in range(SHOWN + 5)]}}
    lost = lost_of(Arm("http1", 0, [make_run(missing=missing)]))
    assert lost.number == 2 * (SHOWN + 5)
    assert len(lost.lines) == SHOWN
    assert lost.unlisted == 10


def test_blocks_add_up() -> None:
    first, second = make_run(number=1), make_run(number=2, missing={"load-00": {EPOCH: [[1, 4]]}})
    total = totals([first.run, second.run])
    assert (total.created, total.processed, total.lost, total.duplicates) == (16_000, 15_996, 4, 6)
    assert first.run.counts.created == 8_000

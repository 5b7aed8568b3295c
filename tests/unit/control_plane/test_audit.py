from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from control_plane.audit import audit_once, audit_running, audit_settled, fed_by
from control_plane.client import LabUnreachable

Intervals = list[list[int]]


class FakeLab:
    """Ledgers that change from look to look; the last look stays."""

    def __init__(self, acked: Intervals, processed: list[Intervals]) -> None:
        self.acked = acked
        self.processed = processed
        self.fleet_looks = 0

    async def fleet_ledger(self) -> dict[str, Any]:
        self.fleet_looks += 1
        fates = {"created": {"producers": {"web-01": {"1": self.acked}}}}
        fates |= {"acked": fates["created"], "rejected": {"producers": {}}}
        return {"http_redis": fates, "websocket": fates}

    async def pipeline_ledger(self, pipeline: str) -> dict[str, Any]:
        known = self.processed[0]
        if pipeline == "websocket" and len(self.processed) > 1:
            self.processed.pop(0)
        return {"totals": {"duplicates": 3}, "producers": {"web-01": {"1": known}}}


BOTH = {"http_redis", "websocket"}


async def test_a_balanced_account() -> None:
    found = await audit_once(FakeLab([[0, 9]], [[[0, 9]]]), BOTH)  # type: ignore[arg-type]
    assert found.ok
    assert found.lost == 0
    told = found.as_dict()
    assert told["ok"] is True
    expected = {"created": 10, "acked": 10, "rejected": 0, "processed": 10, "lost": 0, "duplicates": 3}
    for pipeline in BOTH:
        assert expected.items() <= told["pipelines"][pipeline].items()


async def test_what_is_lost_is_named() -> None:
    found = await audit_once(FakeLab([[0, 9]], [[[0, 3], [5, 6]]]), BOTH)  # type: ignore[arg-type]
    assert not found.ok
    assert found.lost == 8
    assert found.missing_lines()[0] == "http_redis: lost web-01 epoch 1 seq 4, 7-9"
    assert found.as_dict()["pipelines"]["websocket"]["missing"] == {"web-01": {"1": [[4, 4], [7, 9]]}}


async def test_a_settled_account_is_waited_for() -> None:
    lab = FakeLab([[0, 9]], [[[0, 3]], [[0, 9]]])
    assert (await audit_settled(lab, BOTH, within_s=5)).ok  # type: ignore[arg-type]


async def test_waiting_has_a_bound() -> None:
    lab = FakeLab([[0, 9]], [[[0, 3]]])
    assert (await audit_settled(lab, BOTH, within_s=0)).lost == 12  # type: ignore[arg-type]


async def test_a_running_lab_is_held_against_one_look_at_the_fleet() -> None:
    lab = FakeLab([[0, 9]], [[[0, 3]], [[0, 9]]])
    assert (await audit_running(lab, BOTH, within_s=5)).lost == 0  # type: ignore[arg-type]
    assert lab.fleet_looks == 1


async def test_nothing_acked_is_not_balanced_where_samples_were_sent() -> None:
    empty = await audit_once(FakeLab([], [[]]), BOTH)  # type: ignore[arg-type]
    assert not empty.ok
    idle = await audit_once(FakeLab([], [[]]), set())  # type: ignore[arg-type]
    assert idle.ok


async def test_a_ledger_that_cannot_be_read_is_told_as_such() -> None:
    with pytest.raises(LabUnreachable, match="cannot be read"):
        await audit_once(FakeLab([["x", 9]], [[]]), BOTH)  # type: ignore[arg-type, list-item]


def test_pipelines_fed_by_each_transport() -> None:
    assert fed_by("twin") == BOTH
    assert fed_by("http1") == fed_by("http2") == {"http_redis"}
    assert fed_by("websocket") == {"websocket"}


@pytest.mark.parametrize(
    "acked, processed, verdict",
    [([[0, 1]], [[0, 1]], "balanced"), ([[0, 1]], [[0, 0]], "lost"), ([], [], "nothing acked")],
)
async def test_the_table_says_the_verdict(acked: Intervals, processed: Intervals, verdict: str) -> None:
    found = await audit_once(FakeLab(acked, [processed]), BOTH)  # type: ignore[arg-type]
    console = Console(width=120)
    with console.capture() as shown:
        console.print(found.as_table())
    assert verdict in shown.get()

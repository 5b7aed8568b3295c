from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from control_plane.audit import LabAudit, audit_once, audit_running, audit_settled, fed_by
from control_plane.client import LabUnreachable
from metrics_core.summary import summarize
from metrics_core.windows_view import windows_view
from metrics_core.wire import encode_batch
from tests.support.samples import a_sample

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

    async def whereabouts(self, pipeline: str) -> dict[str, Any]:
        return {"places": {}, "truncated": False}

    async def pipeline_ledger(self, pipeline: str) -> dict[str, Any]:
        known = self.processed[0]
        if pipeline == "websocket" and len(self.processed) > 1:
            self.processed.pop(0)
        return {"totals": {"duplicates": 3}, "producers": {"web-01": {"1": known}}}


BOTH = {"http_redis", "websocket"}


def shown(found: LabAudit) -> str:
    console = Console(width=120)
    with console.capture() as text:
        console.print(found.as_table())
    return text.get()


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


class MovingLab:
    """One sample that moves on whenever somebody looks: whichever look comes next finds it one place further."""

    def __init__(self, places: list[str]) -> None:
        self.places = places
        self.looks: list[str] = []

    def _next(self, look: str) -> str:
        self.looks.append(look)
        return self.places.pop(0) if len(self.places) > 1 else self.places[0]

    async def fleet_ledger(self) -> dict[str, Any]:
        own = {"producers": {"web-01": {"1": [[0, 0]]}}}
        fates = {"created": own, "acked": own, "rejected": {"producers": {}}}
        self._next("fleet")
        return {"http_redis": fates, "websocket": fates}

    async def whereabouts(self, pipeline: str) -> dict[str, Any]:
        if pipeline == "websocket":
            return {}
        place = self._next("whereabouts")
        held = {"web-01": {"1": [[0, 0]]}}
        return {"places": {place: held} if place != "processed" else {}}

    async def pipeline_ledger(self, pipeline: str) -> dict[str, Any]:
        told = pipeline == "websocket" or self._next("ledger") == "processed"
        return {"totals": {"duplicates": 0}, "producers": {"web-01": {"1": [[0, 0]]}} if told else {}}


@pytest.mark.parametrize(
    "places, fate, waiting",
    [
        (["queued", "popped", "running"], "waiting_worker", 1),
        (["queued", "queued", "queued"], "waiting_queue", 1),
        (["queued", "running", "processed"], "processed", 0),
        (["running", "processed"], "processed", 0),
        (["queued", "running", "dead_lettered"], "waiting_worker", 1),
        (["queued", "dead_lettered"], "dead_lettered", 0),
    ],
)
async def test_the_looks_come_in_the_order_in_which_nothing_slips_through(
    places: list[str], fate: str, waiting: int
) -> None:
    lab = MovingLab(places)
    found = await audit_once(lab, BOTH)  # type: ignore[arg-type]
    assert lab.looks == ["fleet", "whereabouts", "ledger"]
    assert found.fates["http_redis"].counts[fate] == 1
    assert (found.lost, found.waiting) == (0, waiting)
    assert found.ok == (not waiting)


async def test_a_running_audit_waits_for_what_is_on_the_way() -> None:
    found = await audit_running(MovingLab(["queued"] * 4 + ["processed"]), BOTH, within_s=5)  # type: ignore[arg-type]
    assert found.waiting == 0
    stuck = await audit_running(MovingLab(["queued"]), BOTH, within_s=0)  # type: ignore[arg-type]
    assert (stuck.lost, stuck.waiting) == (0, 1)
    assert "waiting" in shown(stuck)


async def test_an_equation_that_does_not_hold_is_not_ok() -> None:
    class Miscounting(FakeLab):
        async def whereabouts(self, pipeline: str) -> dict[str, Any]:
            counts = {"accepted": 11, "processed": 10, "duplicates": 0, "dead_lettered": 0, "waiting": 0}
            return {"places": {}, "counts": counts if pipeline == "http_redis" else {}}

    found = await audit_once(Miscounting([[0, 9]], [[[0, 9]]]), BOTH)  # type: ignore[arg-type]
    assert not found.ok
    assert found.pipeline_ok("websocket")
    text = "accepted = processed + duplicates + dead-lettered + waiting: 11 ≠ 10"
    assert found.missing_lines() == [f"http_redis: {text}"]
    assert found.as_dict()["pipelines"]["http_redis"]["wrong"] == [text]
    assert "does not add up" in shown(found)


async def test_the_oracle_is_asked_about_a_drained_lab_that_kept_a_log(tmp_path: Path) -> None:
    sample = a_sample("web-01")
    log = tmp_path / "samples" / "1-000001.jsonl"
    log.parent.mkdir()
    log.write_bytes(encode_batch([sample]) + b"\n")

    class Lab(FakeLab):
        wrong = 0

        async def windows(self, pipeline: str) -> dict[str, Any]:
            kept = summarize([sample], [sample.sampled_at_us])
            if pipeline == "websocket":
                kept[0].n += self.wrong
            return windows_view(pipeline, {"web-01": (sample, kept)})

        async def pipeline_ledger(self, pipeline: str) -> dict[str, Any]:
            return await super().pipeline_ledger(pipeline) | {
                "totals": {"duplicates": 0, "late": 0, "future": 0}
            }

    lab = Lab([[0, 0]], [[[0, 0]]])
    right = await audit_settled(lab, BOTH, 0, tmp_path)  # type: ignore[arg-type]
    assert right.ok
    assert right.oracle_lines()[0].startswith("oracle on http_redis: processed samples found")
    assert right.fates["http_redis"].equations[-1].text == "processed = found in the producers' log"
    lab.wrong = 1
    wrong = await audit_settled(lab, BOTH, 0, tmp_path)  # type: ignore[arg-type]
    assert (wrong.ok, wrong.pipeline_ok("http_redis"), wrong.pipeline_ok("websocket")) == (False, True, False)
    assert any("windows of web-01: must be" in line for line in wrong.missing_lines())
    without = await audit_settled(lab, BOTH, 0, tmp_path / "elsewhere")  # type: ignore[arg-type]
    assert (without.ok, without.oracle) == (True, {})


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
    assert verdict in shown(found)

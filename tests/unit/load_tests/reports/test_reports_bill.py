"""The bill per 1,000 delivered samples."""

from __future__ import annotations

import pytest

from load_tests.reports.bill import bill_of
from load_tests.reports.page_points import bill_points
from load_tests.reports.view import Arm
from tests.support.saved_runs import make_run


def test_the_bill_is_per_thousand_delivered_over_all_blocks() -> None:
    blocks = [make_run(number=1), make_run(number=2)]
    bill = bill_of(Arm("http1", 0, blocks))
    spent = sum(each.user_s for saved in blocks for each in saved.run.cost.processes if each.name == "ingest")
    assert bill.delivered == 16_000
    assert bill.processes[0].name == "ingest"
    assert bill.processes[0].user_s == pytest.approx(spent / 16)
    assert bill.total is not None
    assert bill.total.user_s == pytest.approx(sum(line.user_s for line in bill.processes))
    assert bill.redis is not None
    assert bill.redis.commands == pytest.approx(3_000)


def test_headers_are_what_packets_hold_beside_the_payload() -> None:
    wire = bill_of(Arm("http1", 0, [make_run()])).wire
    assert wire is not None
    assert (wire.sent_payload, wire.received_payload, wire.headers) == (370_000, 150_000, 150_000)


def test_payloads_alone_leave_the_headers_unknown() -> None:
    saved = make_run()
    saved.run.cost.wire.sent_bytes = saved.run.cost.wire.received_bytes = 0
    wire = bill_of(Arm("http1", 0, [saved])).wire
    assert wire is not None
    assert wire.headers is None


def test_one_block_without_redis_figures_leaves_no_bill_that_looks_cheap() -> None:
    blocks = [make_run(number=1), make_run(number=2)]
    blocks[1].run.cost.redis = None
    assert bill_of(Arm("http1", 0, blocks)).redis is None


def test_nothing_delivered_is_not_free() -> None:
    saved = make_run()
    saved.run.counts.processed = 0
    bill = bill_of(Arm("http1", 0, [saved]))
    assert bill.processes == []
    assert bill.total is None
    assert "nothing to divide" in bill.notes[-1]


def test_a_process_costs_only_the_arms_that_have_it() -> None:
    bills = [bill_of(Arm(name, 0, [make_run(name)])) for name in ("http1", "websocket")]
    parts = {part["name"]: part["values"] for part in bill_points(bills)["cpu"]}
    assert parts["redis"][0] > 0
    assert parts["redis"][1] == 0
    assert parts["pipeline-b"][0] == 0
    assert parts["pipeline-b"][1] > 0

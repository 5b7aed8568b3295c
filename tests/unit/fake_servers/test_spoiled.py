"""Invalid samples: each is refused, for one thing that is wrong with it and by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_servers.sample_log import SampleLog
from fake_servers.spoiled import KEPT, Spoiled, SpoiledParcel
from metrics_core.errors import SchemaViolation
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder

REASONS = [
    "$.cpu_percent: expected a number <= 100",
    "$.memory_percent: expected a number >= 0",
    "$.disk_percent: expected `number`, got `text`",
    "$.net_rx_bytes_per_s: expected `number`, got `null`",
    "$: object contains unknown field `gpu_percent`",
]


def reason(body: bytes) -> str:
    with pytest.raises(SchemaViolation) as refused:
        BatchDecoder().decode(body)
    return refused.value.detail


def test_the_faults_come_in_turns() -> None:
    spoiled = Spoiled("web-01", 17)
    bodies = [spoiled.make(1_000) for _ in range(10)]
    assert [reason(body) for body in bodies] == REASONS * 2
    for seq, body in enumerate(bodies):
        told = json.loads(body)
        assert (told["producer"], told["epoch"], told["seq"], told["sampled_at_us"]) == (
            "web-01",
            17,
            seq,
            1_000,
        )
        assert set(Sample.__struct_fields__) <= set(told)


def test_a_parcel_gives_the_same_bytes_as_long_as_they_are_kept() -> None:
    spoiled = Spoiled("web-01", 17)
    bodies = [spoiled.make(seq) for seq in range(KEPT + 2)]
    assert spoiled.batch(SpoiledParcel([(2, 2)])) == bodies[2]
    assert spoiled.batch(SpoiledParcel([(KEPT + 1, KEPT + 1)])) == bodies[-1]
    for seq in (1, KEPT + 2):
        with pytest.raises(IndexError, match=f"invalid sample {seq} is not kept"):
            spoiled.batch(SpoiledParcel([(seq, seq)]))


def test_they_are_in_the_producers_log_too(tmp_path: Path) -> None:
    log, body = SampleLog(tmp_path, 17), Spoiled("web-01", 17).make(1_000)
    log.append_line(body)
    log.close()
    (file,) = tmp_path.iterdir()
    assert (file.read_bytes(), log.written) == (body + b"\n", 1)

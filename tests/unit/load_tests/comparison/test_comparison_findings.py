"""What a reader must know first."""

from __future__ import annotations

from typing import Any

import msgspec

from load_tests.comparison.findings import NOISE
from load_tests.comparison.verdict import findings
from load_tests.runs.schema import Counts, Run
from tests.unit.load_tests.comparison.planted_blocks import MACHINE, block

ELSEWHERE = msgspec.structs.replace(MACHINE, id="ffff0000", cpu="Other")


def arm(name: str, *changes: dict[str, Any]) -> list[Run]:
    """Three blocks, the last ones changed."""
    every = [*({} for _ in range(3 - len(changes))), *changes]
    return [block(name, f"{n}", **change) for n, change in enumerate(every)]


def lossy(lost: int, missing: dict[str, dict[str, list[list[int]]]]) -> dict[str, Any]:
    return {"counts": Counts(created=8000, acked=8000, processed=8000 - lost, lost=lost), "missing": missing}


def test_nothing_to_warn_of() -> None:
    assert findings({"http1": arm("http1"), "websocket": arm("websocket"), NOISE: arm("http1")}) == []
    assert findings({}) == []


def test_lost_samples_come_first_with_counts_and_names() -> None:
    missing = {"load-00": {"17": [[3, 5], [9, 9]]}, "load-01": {"18": [[0, 2]]}}
    found = findings(
        {"http1": arm("http1", {"status": "void"}), "websocket": arm("websocket", lossy(7, missing))}
    )
    assert found[0] == (
        "websocket lost 7 of 24,000 acknowledged samples, in 1 block:"
        " load-00 (epoch 17) 3–5, load-00 (epoch 17) 9, load-01 (epoch 18) 0–2."
    )


def test_losses_are_added_up_over_blocks_that_do_not_stand_too_and_names_are_bounded() -> None:
    many = {"load-00": {"17": [[n * 2, n * 2] for n in range(20)]}}
    text = findings({"http1": arm("http1", lossy(20, many), {**lossy(4, {}), "status": "partial"})})[0]
    assert "lost 24 of 24,000" in text
    assert "in 2 blocks" in text
    assert text.endswith("(epoch 17) 8 and more.")


def test_the_worst_comes_first() -> None:
    counts = Counts(created=100, acked=80, refused=10, rejected=6, unanswered=4, processed=80, duplicates=5)
    found = findings(
        {
            "http1": arm(
                "http1",
                {"status": "void", "reasons": ["late by 9 ms"]},
                {"status": "partial"},
                {"status": "failed", "reasons": ["connection refused"]},
            ),
            "http2": arm("http2", {"machine": ELSEWHERE, "plan": {"seed": 8}}),
            "websocket": arm("websocket", {"counts": counts}, lossy(1, {})),
        }
    )
    order = (
        "websocket lost 1 of", "websocket did not take all samples: 10 refused, 6 rejected, 4 never answered",
        "1 block of http1 broke down: connection refused.", "1 block of http1 void", "1 block of http1 interrupted.",
        "websocket got 5 samples more than once", "The runs are from 2 machines",
        "The arms did not get the same samples", "3 of 3 blocks of http1 have no part",
    )  # fmt: skip
    assert [text.startswith(start) for text, start in zip(found, order, strict=True)] == [True] * len(
        order
    ), found
    assert "late by 9 ms" in found[3]


def test_a_block_that_delivered_nothing_is_named() -> None:
    found = findings({"http1": arm("http1", {"counts": Counts(created=5, acked=5)})})
    assert found == [
        "1 block of http1 delivered no sample at all.",
        "1 of 3 blocks of http1 have no part in the figures.",
    ]


def test_seeds_may_change_from_round_to_round_but_not_within_one() -> None:
    varied = [{"plan": {"seed": seed}} for seed in (1, 2, 3)]
    runs = {"http1": arm("http1", *varied), "http2": arm("http2", *varied)}
    assert findings({**runs, NOISE: arm("http1", *varied[::-1])}) == []
    apart = findings({**runs, "websocket": arm("websocket")})
    assert apart == [
        "The arms did not get the same samples at the same times in 3 of 3 rounds: their seeds differ."
    ]

"""Tables that HTML and Markdown share."""

from __future__ import annotations

import shlex

from load_tests.reports import tables, texts
from load_tests.reports.view import report_of
from tests.support.saved_runs import make_comparison, make_run


def test_facts_name_machine_revision_seed_and_length() -> None:
    facts = dict(tables.facts(report_of(make_comparison())))
    assert facts["Date"] == "2025-12-20 03:06 UTC"
    assert facts["Machine"].startswith("2 × AMD EPYC")
    assert facts["Revision"] == "4eca2ef"
    assert facts["Seed"] == "7"
    assert facts["Measured"] == "3 arms, 12 blocks of 8\u202fs and 2 A/A blocks"


def test_quantiles_are_of_all_blocks_and_name_their_origin() -> None:
    lines = tables.quantiles(report_of(make_comparison(("http1", "websocket"), rounds=1)))
    first = lines[0]
    assert (first.clock, first.arm.name, first.origin, first.n) == (
        "accepted",
        "http1",
        "intended send",
        "16,000",
    )
    assert {line.origin for line in lines if line.clock == "processed"} == {"intended send"}


def test_a_block_over_time_says_its_worst_second_and_its_markers() -> None:
    saved = make_run(events=[(3.0, "redis paused")])
    saved.series.processed_p99_ms[4] = 777.0
    line = tables.over_time(report_of(saved))[0]
    assert len(line.values) == len(tables.OVER_TIME)
    assert line.values[3] == "777\u202fms"
    assert line.events == "3\u202fs redis paused"


def test_the_generators_worst_block_counts() -> None:
    saved = make_comparison(("http1", "http2"), rounds=1)
    saved.blocks["http2"][1].run.generator.lateness_p99_ms = 55.0
    values = {arm.name: line for arm, line in tables.generators(report_of(saved))}
    assert values["http2"][5] == "55.0"
    assert values["http1"][5] == "0.310"
    assert len(values["http1"]) == len(tables.GENERATORS)


def test_the_command_of_a_run_repeats_it() -> None:
    words = shlex.split(texts.command(report_of(make_run("websocket"))))
    assert words[:4] == ["python3", "lab.py", "load", "websocket"]
    options = dict(zip(words[4:-1:2], words[5:-1:2], strict=True))
    assert options["--rate"] == "1000"
    assert options["--seed"] == "7"
    assert words[-1] == "--own"


def test_a_foreign_arm_cannot_smuggle_a_command() -> None:
    words = shlex.split(texts.command(report_of(make_run("x; rm -rf ~"))))
    assert words[3] == "x; rm -rf ~"


def test_the_method_says_only_what_was_done() -> None:
    turns = dict(texts.method(report_of(make_comparison(rounds=1, noise=0))))
    assert "A B B A" in turns["Turns"]
    assert "not measured" in turns["Noise floor"]
    assert "95 %" in turns["Intervals"]
    assert "Turns" not in dict(texts.method(report_of(make_run())))

"""What a run says of itself: counts add up, each way to go wrong has a status and a reason, no figure is made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from load_tests.generator.outcome import CPU_LIMIT_PERCENT, LATE_LIMIT_MS, outcome
from load_tests.generator.pipeline import PipelineSilent
from load_tests.generator.recorder import Portion, Second
from load_tests.generator.sampler import Look
from load_tests.runs.checks import check_run
from load_tests.runs.schema import Run
from load_tests.runs.summary import headline
from metrics_core.histogram import Histogram, bucket_of
from tests.unit.load_tests.generator.fake_lead import START_US, Led, a_plan, a_target, ledger

PRODUCER = "load-http1-1-0000"
MakeLed = Callable[..., Led]


def measured(
    monkeypatch: pytest.MonkeyPatch,
    created: int = 100,
    acked: int = 100,
    processed: int | None = 100,
    **target: Any,
) -> Led:
    """A coordinator after its run: all created in one producer, the first of them acked, the first processed."""
    led = Led(monkeypatch, a_target(**target), a_plan())
    lead = led.lead
    runs = {"created": [(PRODUCER, 7, 0, created - 1)]}
    if acked:
        runs["acked"] = [(PRODUCER, 7, 0, acked - 1)]
    lead.total.add(
        Portion(
            histograms={
                "accepted": {500: acked},
                "accepted_uncorrected": {400: acked},
                "lateness": {100: created},
            }
            if acked
            else {"lateness": {100: created}},
            seconds={0: Second(created=created, acked=acked, accepted={500: acked})},
            ledgers=runs,
        )
    )
    lead.started_at_us, lead.measured_s, lead.finished = START_US, 5.0, True
    led.report("a", connected=2, done=2, cpu_s=0.5, seconds=5.0, negotiated="HTTP/1.1", wire=[10, 5, 30, 15])
    if processed is not None:
        lead.processed = ledger((0, processed - 1)) if processed else {}
        led.pipeline.histogram = Histogram({700: processed})
    return led


def made(led: Led, interrupted: bool = False) -> Run:
    """The run; all of its parts agree, as they must to be written."""
    run, histograms, series, files = outcome("20261120-120000-http1-abc", led.lead, interrupted, (100, 0))
    check_run(run, histograms, series, files)
    return run


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> MakeLed:
    return lambda *args, **fields: measured(monkeypatch, *args, **fields)


def test_a_whole_run(after: MakeLed) -> None:
    run = made(after())
    assert (run.status, run.reasons) == ("complete", [])
    assert {name: clock.corrected.n for name, clock in run.clocks.items()} == {
        "accepted": 100,
        "processed": 100,
    }
    assert run.generator.cpu_percent == run.generator.cpu_percent_total == 10.0
    assert run.setup.acknowledgement == "on disk"
    assert (run.cost.wire.sent_payload, run.cost.wire.received_bytes) == (10, 15)
    assert run.setup.background_per_s == 0


def test_lost_samples_are_named_and_the_run_is_whole(after: MakeLed) -> None:
    run = made(after(processed=93))
    assert (run.status, run.counts.lost) == ("complete", 7)
    assert run.missing == {PRODUCER: {"7": [[93, 99]]}}
    assert headline(run) == f"LOST 7 of 100 acknowledged samples: {PRODUCER} 93–99"


@pytest.mark.parametrize("processed", [100, 60, 0])
def test_unanswered_samples_are_a_failed_run(after: MakeLed, processed: int) -> None:
    """The worst latencies are missing in the histograms: their quantiles are no figures."""
    run = made(after(acked=60, processed=processed))
    assert run.status == "failed"
    assert run.counts.unanswered == 40
    assert "40 of 100 samples got no answer" in run.reasons[-1]
    assert run.counts.lost == 60 - min(60, processed)


def test_a_late_generator_is_void_even_where_answers_are_missing(after: MakeLed) -> None:
    led = after(acked=60, processed=60)
    led.lead.total.add(Portion(histograms={"lateness": {bucket_of(int(LATE_LIMIT_MS * 2_000)): 10}}))
    led.lead.total.histograms["lateness"].counts.pop(100)
    run = made(led)
    assert run.status == "void"
    assert run.reasons[0].startswith("the generator was late by 2.0 ms")


def test_a_generator_at_its_limit_is_void(after: MakeLed) -> None:
    led = after()
    led.report("b", connected=1, done=2, cpu_s=4.5, seconds=5.0)
    led.lead.measured_s = 60.0  # settling took long: that is not the generator's time
    run = made(led)
    assert run.status == "void"
    assert f"90 % of a core ({CPU_LIMIT_PERCENT:.0f} may be)" in run.reasons[0]
    assert (run.generator.cpu_percent, run.generator.cpu_percent_total) == (90.0, 100.0)


def test_the_leading_process_is_part_of_the_generator(after: MakeLed) -> None:
    led = after()
    led.lead.cpu_s = 1.0  # a master: it has no agent that reports
    assert made(led).generator.cpu_percent_total == 30.0


def test_interrupted_is_partial_and_says_how_far_it_came(after: MakeLed) -> None:
    led = after(acked=80, processed=90)
    led.lead.finished, led.lead.measured_s = False, 2.0
    run = made(led, interrupted=True)
    assert run.status == "partial"
    assert run.reasons[0] == "stopped after 2.0 of 5 s"
    assert (run.counts.lost, run.counts.unanswered) == (0, 20)


def test_a_pipeline_that_cannot_be_asked_leaves_the_fate_unknown(after: MakeLed) -> None:
    led = after(processed=None)
    led.lead.reasons.append("it does not answer")
    run = made(led)
    assert run.status == "failed"
    assert run.reasons == ["it does not answer"]
    assert (run.counts.processed, run.counts.lost, run.missing) == (0, 0, {})
    assert "processed" not in run.clocks
    assert headline(run).startswith("UNKNOWN: 100 of 100")


def test_a_restarted_pipeline_has_no_clock_processed(after: MakeLed) -> None:
    led = after()
    led.pipeline.histogram = Histogram({700: 40})
    run = made(led)
    assert run.status == "failed"
    assert "knows 40 of 100 processed samples: it was restarted" in run.reasons[0]
    assert "processed" not in run.clocks
    assert run.clocks["accepted"].corrected.n == 100


def test_a_histogram_that_cannot_be_had_is_a_reason(after: MakeLed) -> None:
    led = after()
    led.pipeline.histogram = PipelineSilent("no histograms")
    run = made(led)
    assert (run.status, run.reasons) == ("failed", ["no histograms"])
    assert "processed" not in run.clocks


def test_other_producers_are_named_as_background(after: MakeLed) -> None:
    led = after()
    led.pipeline.histogram = Histogram({700: 350})
    assert made(led).setup.background_per_s == 50


def test_broken_connections_and_ended_processes_fail_a_run(after: MakeLed) -> None:
    led = after()
    led.lead.total.add(Portion(errors={"reset": 3, "refused": 9, "a": 1, "b": 1}))
    led.lead.processes.gone.append("worker-1")
    run = made(led)
    assert run.status == "failed"
    assert run.reasons[0] == "the process worker-1 ended during the run: its cost is not known"
    assert run.reasons[1:3] == [
        "connections broke or could not be made, 9 times: refused",
        "connections broke or could not be made, 3 times: reset",
    ]
    assert len(run.reasons) == 4, "the three most frequent are enough"


@pytest.mark.parametrize(
    "target, acknowledgement, fsync, workers",
    [
        ({}, "on disk", "always", 2),
        ({"fsync": "everysec"}, "in Redis", "everysec", 2),
        ({"fsync": "no"}, "in Redis", "no", 2),
        ({"fsync": "unknown", "workers": -1, "ingest_processes": -1}, "unknown", "unknown", 0),
        ({"store": "memory", "fsync": "none"}, "in memory", "none", 0),
    ],
)
def test_what_an_acknowledgement_means(
    after: MakeLed, target: dict[str, Any], acknowledgement: str, fsync: str, workers: int
) -> None:
    setup = made(after(**target)).setup
    assert (setup.acknowledgement, setup.fsync, setup.workers) == (acknowledgement, fsync, workers)
    assert setup.ingest_processes == 1


def test_a_bill_that_is_not_whole_says_so(after: MakeLed) -> None:
    note = made(after()).cost.note
    assert "the processes of the pipeline were not named" in note
    assert "Redis could not be asked" in note
    led = after(store="memory", processes={"websocket": 0})
    led.lead.reports["a"].wire = [0, 0, 0, 0]
    cost = made(led).cost
    assert cost.note == "this system does not count the bytes of a connection"
    assert cost.wire.source == "none"


def test_the_time_series_has_a_row_for_each_second_seen_by_anyone(after: MakeLed) -> None:
    led = after()
    led.lead.total.add(Portion(seconds={2: Second(created=5, acked=4, refused=1, visible={900: 4})}))
    led.lead.sampler.looks.append(Look(1.0, Histogram({700: 90}), 3.0, {"ingest": 12.5}, {"ingest": 5e7}))
    led.lead.sampler.looks.append(Look(2.0, None, None))
    _, _, series, _ = outcome("20261120-120000-http1-abc", led.lead, False, (1, 0))
    assert series.t_s == [1.0, 2.0, 3.0]
    assert series.created_per_s == [100.0, 0.0, 5.0]
    assert series.refused_per_s == [0.0, 0.0, 1.0]
    assert series.processed_per_s == [90.0, None, None]
    assert series.backlog == [3.0, None, None]
    assert series.cpu_percent == {"ingest": [12.5, None, None]}
    assert series.visible_p50_ms[:2] == [None, None]
    assert series.visible_p50_ms[2] is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.sampled_from(["acked", "rejected", "refused", "unanswered", "open"]), min_size=1, max_size=30
    ),
    st.integers(0, 29),
    st.booleans(),
)
def test_counts_always_add_up(
    monkeypatch: pytest.MonkeyPatch, fates: list[str], processed: int, interrupted: bool
) -> None:
    """Also where an agent was gone before it could say what became of some."""
    with monkeypatch.context() as patch:
        led = Led(patch, a_target(), a_plan())
        total = led.lead.total
        for seq, fate in enumerate(fates):
            runs = {"created": [(PRODUCER, 7, seq, seq)]}
            if fate in ("acked", "rejected"):
                runs[fate] = [(PRODUCER, 7, seq, seq)]
            total.add(
                Portion(
                    histograms={"accepted": {500: 1}} if fate == "acked" else {},
                    ledgers=runs,
                    refused=int(fate == "refused"),
                    unanswered=int(fate == "unanswered"),
                )
            )
        lead = led.lead
        lead.started_at_us, lead.measured_s, lead.finished = START_US, 5.0, True
        accepted = [seq for seq, fate in enumerate(fates) if fate in ("acked", "open", "unanswered")][
            :processed
        ]
        lead.processed = ledger(*((seq, seq) for seq in accepted))
        led.pipeline.histogram = Histogram({700: len(accepted)} if accepted else {})
        run = made(led, interrupted)
        counts = run.counts
        assert counts.created == len(fates)
        assert counts.acked == fates.count("acked")
        assert counts.unanswered == fates.count("unanswered") + fates.count("open")
        assert (run.status == "complete") == (not counts.unanswered and not interrupted)

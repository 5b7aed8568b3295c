"""The coordinator: what it waits for, when it stops waiting, and what it then claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from load_tests.generator.agent import GIVE_UP, MEASURED, WARM_UP
from load_tests.generator.coordinator import (
    CONNECTED_WITHIN_S,
    QUIET_S,
    SETTLED_AFTER_STOP_S,
    SETTLED_WITHIN_S,
    TAKEN_UP_WITHIN_S,
)
from load_tests.generator.pipeline import PipelineSilent
from load_tests.generator.recorder import Portion
from tests.unit.load_tests.generator.fake_lead import Led, a_plan, a_target, ledger

PRODUCER = "load-http1-1-0000"
MakeLed = Callable[..., Led]
TEN_ACKED = Portion(ledgers={"created": [(PRODUCER, 7, 0, 9)], "acked": [(PRODUCER, 7, 0, 9)]})


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> MakeLed:
    def make(agents: int = 1, warmup_s: float = 0.0, **target: Any) -> Led:
        return Led(monkeypatch, a_target(**target), a_plan(warmup_s=warmup_s), agents)

    return make


def test_a_run_that_goes_well(led: MakeLed) -> None:
    run = led(warmup_s=1.0)
    run.portion = TEN_ACKED
    run.pipeline.ledgers = [{}, ledger((0, 4)), ledger((0, 9))]
    run.lead.run()
    assert [phase["number"] for phase in run.phases] == [WARM_UP, MEASURED]
    assert [phase["duration_s"] for phase in run.phases] == [1.0, 5.0]
    assert (run.lead.reasons, run.lead.finished) == ([], True)
    assert run.lead.processed == ledger((0, 9))
    assert run.lead.started_at_us == run.phases[1]["start_us"]


def test_all_agents_must_be_connected_and_done(led: MakeLed) -> None:
    run = led(agents=2)
    run.lead.run()
    assert run.lead.reasons == [f"2 of 2 producers are connected after {CONNECTED_WITHIN_S:.0f} s"]
    both = led(agents=2)
    both.report("b")
    both.portion = TEN_ACKED
    both.pipeline.ledgers = [ledger((0, 9))]
    both.on_phase = lambda phase: both.report("a", connected=2, done=phase["number"])
    both.lead.run()
    assert both.lead.reasons == ["a generator process does not report any more"]
    assert not both.lead.finished


def test_a_pipeline_that_is_down_and_one_that_cannot_work(led: MakeLed) -> None:
    down = led()
    down.report("a", problem="127.0.0.1:1: refused")
    down.lead.run()
    assert down.lead.reasons == ["http1 cannot be reached: 127.0.0.1:1: refused"]
    assert down.lead.started_at_us == 0
    unready = led()
    unready.pipeline.not_ready = "http://127.0.0.1:1/readyz answers 503"
    unready.lead.run()
    assert unready.lead.reasons == [unready.pipeline.not_ready]
    assert unready.phases == []


def test_what_comes_no_more_is_lost_after_a_quiet_time(led: MakeLed) -> None:
    run = led()
    run.portion = TEN_ACKED
    run.pipeline.ledgers = [ledger((0, 8))]
    run.lead.run()
    assert run.lead.finished
    assert run.lead.reasons == []
    assert run.lead.processed == ledger((0, 8))
    assert QUIET_S < run.lead.measured_s < QUIET_S + 1


def test_what_jobs_still_hold_is_not_lost(led: MakeLed) -> None:
    """The job of a worker that was killed comes back after ten seconds."""
    run = led()
    run.portion = TEN_ACKED
    run.redis.jobs = [*[1] * 150, 0]
    run.pipeline.ledgers = [*[ledger((0, 8))] * 160, ledger((0, 9))]
    run.lead.run()
    assert run.lead.processed == ledger((0, 9))
    assert run.lead.reasons == []


@pytest.mark.parametrize("waiting, settled_s", [(0, TAKEN_UP_WITHIN_S), (3, SETTLED_WITHIN_S)])
def test_where_redis_cannot_be_asked_the_wait_outlasts_a_dead_worker(
    led: MakeLed, waiting: int, settled_s: float
) -> None:
    run = led()
    run.portion = TEN_ACKED
    run.redis.jobs = [None]
    assert run.observer.newest
    run.observer.newest.backlog.waiting = waiting
    run.pipeline.ledgers = [ledger((0, 8))]
    run.lead.run()
    assert settled_s < run.lead.measured_s < settled_s + 1
    late = [] if waiting == 0 else ["1 acknowledged samples were not processed within 20 s"]
    assert run.lead.reasons == late


def test_repeats_on_their_way_are_waited_for_on_a_pipeline_of_our_own(led: MakeLed) -> None:
    for own_lab, asked in ((True, 4), (False, 1)):
        run = led(own_lab=own_lab)
        run.portion = TEN_ACKED
        run.redis.jobs = [2, 1, 1, 0]
        run.pipeline.ledgers = [ledger((0, 9))]
        run.lead.run()
        assert run.pipeline.asked == asked, "in a lab with a fleet the queue is never empty"
        assert run.lead.reasons == []


def test_the_ledger_of_the_warm_up_is_not_that_of_the_run(led: MakeLed) -> None:
    """A pipeline that dies in the measured part has not lost its samples just because nobody can ask it."""
    run = led(warmup_s=1.0)
    run.portion = TEN_ACKED
    run.pipeline.ledgers = [ledger((0, 4)), PipelineSilent("it does not answer")]
    run.lead.run()
    assert run.lead.processed is None
    assert run.lead.reasons == ["it does not answer"]


@pytest.mark.parametrize(
    "own_lab, store, gone, known",
    [
        (True, "memory", ["websocket"], True),
        (True, "memory", [], False),
        (False, "memory", ["websocket"], False),
        (True, "redis", ["websocket"], False),
    ],
)
def test_memory_that_ended_with_its_process_holds_nothing(
    led: MakeLed, own_lab: bool, store: str, gone: list[str], known: bool
) -> None:
    """That is known where nobody starts the process again; elsewhere nothing is claimed."""
    run = led(own_lab=own_lab, store=store)
    lead: Any = run.lead
    lead.target = a_target(own_lab=own_lab, store=store, processes={"websocket": 1})
    run.portion = TEN_ACKED
    run.pipeline.ledgers = [PipelineSilent("it does not answer")]
    lead.processes.gone = list(gone)
    lead.run()
    assert lead.processed == ({} if known else None)


def test_a_process_that_ended_ends_the_run(led: MakeLed) -> None:
    run = led(own_lab=True)
    run.lead.processes.gone.append("worker-1")
    run.on_phase = lambda phase: run.finish({"number": MEASURED}) if phase["number"] == GIVE_UP else None
    run.lead.run()
    assert [phase["number"] for phase in run.phases] == [MEASURED, GIVE_UP]
    assert run.lead.why_not() == ["the process worker-1 ended during the run: its cost is not known"]


def test_stopped_early_nothing_is_lost_that_is_on_its_way(led: MakeLed) -> None:
    run = led()
    run.lead.started_at_us = 1
    run.lead.total.add(TEN_ACKED)
    run.pipeline.ledgers = [ledger((0, 5)), ledger((0, 9))]
    run.lead.stop_early()
    assert run.lead.processed == ledger((0, 9))
    stuck = led()
    stuck.lead.started_at_us = 1
    stuck.lead.total.add(TEN_ACKED)
    stuck.redis.jobs = [5]
    stuck.pipeline.ledgers = [ledger((0, 5))]
    stuck.lead.stop_early()
    assert stuck.lead.processed is None, "not known: jobs wait still"
    assert stuck.lead.reasons == [
        f"4 acknowledged samples were not processed within {SETTLED_AFTER_STOP_S:.0f} s"
    ]
    silent = led()
    silent.lead.started_at_us = 1
    silent.pipeline.ledgers = [PipelineSilent("it does not answer")]
    silent.lead.stop_early()
    assert (silent.lead.processed, silent.lead.reasons) == (None, ["it does not answer"])
    never = led()
    never.lead.stop_early()
    assert never.pipeline.asked == 0


def test_progress_is_told_in_order(led: MakeLed) -> None:
    run = led(warmup_s=1.0)
    run.portion = TEN_ACKED
    run.pipeline.ledgers = [{}, ledger((0, 4)), ledger((0, 9))]

    def later(phase: dict[str, Any]) -> None:
        asked = len(run.told)
        original = run.told.append

        def tell(said: dict[str, Any]) -> None:
            original(said)
            if len(run.told) > asked + 3:
                run.finish(phase)

        lead: Any = run.lead
        lead._tell = tell

    run.on_phase = later
    run.lead.run()
    phases = list(dict.fromkeys(said["phase"] for said in run.told))
    assert phases == ["warming up", "measuring", "settling"]
    assert all(0 <= said["done"] <= 1 for said in run.told)

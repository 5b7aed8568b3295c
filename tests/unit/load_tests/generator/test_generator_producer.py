"""A producer hears of each of its samples once, whatever the connection does; latency is from the intended moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from load_tests.generator.recorder import Portion, Total
from metrics_core.wire import BatchDecoder
from tests.unit.load_tests.generator.fake_channel import EPOCH, START_US, Scene

MakeScene = Callable[..., Scene]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> MakeScene:
    return lambda **options: Scene(monkeypatch, **options)


def fates(portion: Portion) -> dict[str, int]:
    total = Total()
    total.add(portion)
    return {name: total.size(name) for name in ("created", "acked", "rejected")} | {
        "refused": total.refused,
        "unanswered": total.unanswered,
    }


def check_account(portion: Portion) -> None:
    """Every sample has one fate."""
    found = fates(portion)
    created = found.pop("created")
    assert created == sum(found.values())


def test_acks_out_of_order_belong_to_their_bodies(scene: MakeScene) -> None:
    s = scene()
    portion = s.run([0.0, 0.1, 0.2], lambda: s.channel.answer(2), lambda: s.channel.answer(1, 0))
    assert portion.ledgers["acked"] == [("p", EPOCH, 0, 2)]
    assert fates(portion) == {"created": 3, "acked": 3, "rejected": 0, "refused": 0, "unanswered": 0}
    samples = [BatchDecoder().decode(body)[0] for body in s.channel.bodies]
    assert [(x.seq, x.sampled_at_us - START_US) for x in samples] == [(0, 0), (1, 100_000), (2, 200_000)]
    assert s.producer.negotiated == "FAKE/1"
    assert s.replies == ["", "", ""]


def test_refused_is_not_rejected_and_neither_is_ever_visible(scene: MakeScene) -> None:
    s = scene(batch=10)
    portion = s.run(
        [0.0, 0.1, 0.2, 0.3],
        lambda: s.channel.answer(0, refused=[1], rejected=[2]),
        lambda: s.channel.answer(3),
    )
    assert fates(portion) == {"created": 40, "acked": 20, "rejected": 10, "refused": 10, "unanswered": 0}
    assert portion.ledgers["rejected"] == [("p", EPOCH, 20, 29)]
    assert sorted(s.replies) == ["", "", "backlog", "schema"]
    s.producer.saw(39, START_US + 400_000)
    assert sum(s.settle().histograms["visible"].values()) == 20


def test_a_broken_connection_leaves_its_samples_unanswered_and_another_one_goes_on(scene: MakeScene) -> None:
    s = scene(room=2)
    s.refusals_to_connect = 2
    portion = s.run(
        [0.0, 0.1, 0.2],
        lambda: s.channels[0].end(),
        lambda: None,
        *[lambda: gevent.sleep(0.002)] * 5,
        lambda: s.channels[1].answer(0),
    )
    assert len(s.channels) == s.producer.connections == 2
    assert [len(channel.bodies) for channel in s.channels] == [2, 1]
    assert portion.ledgers["acked"] == [("p", EPOCH, 2, 2)]
    assert fates(portion) == {"created": 3, "acked": 1, "rejected": 0, "refused": 0, "unanswered": 2}
    assert portion.errors == {"the server closed the connection": 1, "Connection refused": 2}
    assert s.closed == [0]


def test_a_write_that_fails_is_one_unanswered_send(scene: MakeScene) -> None:
    s = scene()
    s.channel.write_error = BrokenPipeError(32, "Broken pipe")
    portion = s.run([0.0, 0.1], lambda: None, lambda: s.channels[1].answer(0))
    assert fates(portion) == {"created": 2, "acked": 1, "rejected": 0, "refused": 0, "unanswered": 1}
    assert portion.errors == {"Broken pipe": 1}


def test_waiting_for_room_counts_from_the_intended_moment_only(scene: MakeScene) -> None:
    """And it is the pipeline's doing: what comes due meanwhile is not the generator's lateness."""
    s = scene(room=1)

    def answer_after(seconds: float, number: int) -> Callable[[], None]:
        def step() -> None:
            s.clock.now_s += seconds
            s.channel.answer(number)

        return step

    portion = s.run(
        [0.0, 0.1, 0.2],
        answer_after(2.0, 0),
        lambda: None,
        answer_after(0.001, 1),
        lambda: None,
        answer_after(0.001, 2),
    )
    total = Total()
    total.add(portion)
    corrected = total.histograms["accepted"].quantiles_us((0.3, 0.6, 1.0))
    uncorrected = total.histograms["accepted_uncorrected"].quantiles_us((0.3, 0.6, 1.0))
    assert corrected == pytest.approx([1_902_000, 2_001_000, 2_100_000], rel=0.01)
    assert uncorrected == pytest.approx([1_000, 1_000, 2_100_000], rel=0.01)
    assert total.histograms["lateness"].counts == {0: 2}


def test_a_generator_that_wakes_late_says_so_and_the_latency_has_it(scene: MakeScene) -> None:
    s = scene()
    s.clock.wakes_late_s = 0.25
    portion = s.run([0.01, 0.02, 0.5], lambda: s.channel.answer(0, 1), lambda: s.channel.answer(2))
    total = Total()
    total.add(portion)
    assert total.histograms["lateness"].n == 3, "the second was due while it slept: late as well"
    assert total.histograms["lateness"].quantiles_us((0.01, 1.0)) == pytest.approx(
        [240_000, 250_000], rel=0.02
    )


def test_what_is_open_at_the_deadline_is_unanswered_and_a_later_answer_is_ignored(scene: MakeScene) -> None:
    s = scene(room=2)
    portion = s.run([0.0, 0.01, 0.015], give_up_s=0.03)
    assert fates(portion) == {"created": 3, "acked": 0, "rejected": 0, "refused": 0, "unanswered": 3}
    s.channel.answer(0, refused=[1])
    assert fates(s.settle()) == {"created": 0, "acked": 0, "rejected": 0, "refused": 0, "unanswered": 0}
    again = s.run([0.04], lambda: s.channel.answer(2))
    assert fates(again)["acked"] == 1, "the connection is used further"


def test_what_could_not_be_sent_before_the_deadline_was_meant_to_be_sent(scene: MakeScene) -> None:
    """Open model: a sample that was due and never went out is not one that never was."""
    s = scene(room=0)
    portion = s.run([0.0, 0.01, 0.5, 0.9], give_up_s=0.05)
    assert fates(portion) == {"created": 4, "acked": 0, "rejected": 0, "refused": 0, "unanswered": 4}
    assert s.channel.bodies == []


def test_a_pipeline_that_stays_away_leaves_the_rest_unanswered(scene: MakeScene) -> None:
    s = scene()
    s.refusals_to_connect = 10**6
    portion = s.run(
        [0.0, 0.01], lambda: s.channel.end(), lambda: setattr(s.clock, "now_s", 200.0), give_up_s=50
    )
    assert fates(portion) == {"created": 2, "acked": 0, "rejected": 0, "refused": 0, "unanswered": 2}


def test_giving_up_ends_a_run_at_once_and_closing_makes_no_other_connection(scene: MakeScene) -> None:
    s = scene()
    portion = s.run([0.0, 0.1], lambda: s.producer.close())
    assert s.producer.connections == 1
    check_account(portion)
    assert fates(portion)["unanswered"] == fates(portion)["created"] > 0
    assert fates(s.run([0.0, 0.1])) == dict.fromkeys(fates(portion), 0)


def test_a_snapshot_shows_all_up_to_its_newest(scene: MakeScene) -> None:
    s = scene(batch=5)
    s.run([0.0, 0.1, 0.2], lambda: s.channel.answer(0, 1, 2))
    s.producer.saw(9, START_US + 300_000)
    s.producer.saw(9, START_US + 350_000)
    first = s.settle().histograms["visible"]
    assert sum(first.values()) == 10
    s.producer.saw(14, START_US + 400_000)
    total = Total()
    total.add(s.settle())
    assert total.histograms["visible"].quantiles_us((1.0,)) == pytest.approx([200_000], rel=0.01)
    assert not s.producer.unseen


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.sampled_from(["ack", "refuse", "reject", "none", "break"]), min_size=1, max_size=12),
    st.integers(1, 4),
)
def test_every_sample_has_one_fate(monkeypatch: pytest.MonkeyPatch, script: list[str], batch: int) -> None:
    with monkeypatch.context() as patch:
        s = Scene(patch, batch=batch)
        answered: dict[int, int] = {}

        def step(fate: str) -> None:
            channel = s.channel
            number = answered.get(id(channel), 0)
            if fate == "break":
                channel.end()
            elif number < len(channel.bodies) and fate != "none":
                answered[id(channel)] = number + 1
                kinds: dict[str, dict[str, Any]] = {
                    "refuse": {"refused": [number]},
                    "reject": {"rejected": [number]},
                }
                channel.answer(*([number] if fate == "ack" else []), **kinds.get(fate, {}))

        moments = [number * 0.001 for number in range(len(script))]
        portion = s.run(moments, *[lambda fate=fate: step(fate) for fate in script], give_up_s=0.02)
        check_account(portion)
        assert fates(portion)["created"] == batch * len(script)

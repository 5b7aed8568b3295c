from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core.alerts import CLEARED_BELOW, DEFAULTS, Threshold, alerts
from metrics_core.limits import WINDOW_US
from metrics_core.sample import Sample
from metrics_core.summary import Windows, summarize

percents = st.floats(0, 100, allow_nan=False)


def sample(cpu: float = 0, memory: float = 0, disk: float = 0, seq: int = 0, at_us: int = 0) -> Sample:
    return Sample("web-01", 1, seq, at_us, cpu, memory, disk, 0, 0)


def kept(*samples: Sample) -> Windows:
    windows = Windows()
    for each in samples:
        for summary in summarize([each], [each.sampled_at_us]):
            windows.add(summary)
    return windows


@pytest.mark.parametrize(
    "reading, expected",
    [
        (sample(79.9, 84.9, 84.9), []),
        (sample(80), ["cpu warning"]),
        (sample(94.9), ["cpu warning"]),
        (sample(95), ["cpu critical"]),
        (sample(0, 85, 96), ["memory warning", "disk critical"]),
        (sample(100, 100, 100), ["cpu critical", "memory critical", "disk critical"]),
    ],
)
def test_alerts_begin_at_their_thresholds(reading: Sample, expected: list[str]) -> None:
    assert alerts(reading, kept(reading).summaries, DEFAULTS) == expected


@pytest.mark.parametrize(
    "then, expected", [(79.9, ["cpu warning"]), (75, ["cpu warning"]), (74.9, []), (80, ["cpu warning"])]
)
def test_an_alert_ends_five_points_below(then: float, expected: list[str]) -> None:
    after = sample(then, seq=1, at_us=1)
    assert alerts(after, kept(sample(81), after).summaries, DEFAULTS) == expected


def test_critical_goes_over_warning_on_its_way_down() -> None:
    for value, expected in ((92, "cpu critical"), (89, "cpu warning"), (76, "cpu warning")):
        after = sample(value, seq=1, at_us=1)
        assert alerts(after, kept(sample(96), after).summaries, DEFAULTS) == [expected]
    after = sample(74, seq=1, at_us=1)
    assert alerts(after, kept(sample(96), after).summaries, DEFAULTS) == []


def test_between_the_levels_an_alert_ends_when_the_windows_have_moved_on() -> None:
    later = sample(78, seq=1, at_us=3 * WINDOW_US)
    assert alerts(later, kept(sample(90), later).summaries, DEFAULTS) == []


def test_what_sent_nothing_that_counts_has_no_alert() -> None:
    assert alerts(None, [], DEFAULTS) == []


@given(st.lists(percents, min_size=1, max_size=20))
def test_the_verdict_depends_on_the_samples_not_on_their_pieces(values: list[float]) -> None:
    samples = [sample(value, seq=seq, at_us=seq * WINDOW_US // 7) for seq, value in enumerate(values)]
    one = kept(*samples).summaries
    whole = Windows()
    for summary in summarize(samples, [each.sampled_at_us for each in samples]):
        whole.add(summary)
    assert alerts(samples[-1], one, DEFAULTS) == alerts(samples[-1], whole.summaries, DEFAULTS)


@given(percents, percents)
def test_a_level_is_never_given_below_its_lower_edge_nor_withheld_above_its_upper(
    value: float, peak: float
) -> None:
    level = Threshold(80, 95).level(value, peak)
    if value < 80 - CLEARED_BELOW:
        assert level == ""
    if value >= 95:
        assert level == "critical"
    if 80 <= value < 95 - CLEARED_BELOW:
        assert level == "warning"


@pytest.mark.parametrize(
    "text", ["80", "80/", "/95", "95/80", "-1/95", "80/101", "a/b", "80/95/99", "nan/95"]
)
def test_a_threshold_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|could not convert"):
        Threshold.parse(text)


def test_a_threshold_is_read() -> None:
    assert Threshold.parse("80/95") == DEFAULTS["cpu_percent"]
    assert Threshold.parse("70.5/70.5") == Threshold(70.5, 70.5)

"""The exact form of windows loses nothing: sums come back to the bit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metrics_core.summary import summarize
from metrics_core.windows_view import windows_view
from tests.support.samples import a_sample, samples


@given(st.lists(samples(producers=("a",)), min_size=1, max_size=20))
def test_sums_are_whole_numbers_that_give_back_what_is_kept(found: list) -> None:  # type: ignore[type-arg]
    kept = summarize(found, [sample.sampled_at_us for sample in found])
    told = windows_view("websocket", {"a": (found[0], kept)})["producers"]["a"]
    for summary, window in zip(kept, told["windows"], strict=True):
        assert (window["index"], window["n"]) == (summary.index, summary.n)
        assert (window["min"], window["max"]) == (summary.lows, summary.highs)
        assert all(isinstance(total, int) for total in window["sum"])
        percents = [total / 2**20 for total in window["sum"][:3]]
        assert percents + window["sum"][3:] == summary.sums


def test_the_newest_sample_has_the_fields_of_the_wire() -> None:
    told = windows_view("http_redis", {"a": (a_sample("a"), []), "b": (None, [])})
    assert told["pipeline"] == "http_redis"
    assert told["producers"]["a"]["last"] == {
        "producer": "a",
        "epoch": 1,
        "seq": 0,
        "sampled_at_us": 1_766_200_005_000_000,
        "cpu_percent": 41.5,
        "memory_percent": 63.25,
        "disk_percent": 70.0,
        "net_rx_bytes_per_s": 123_456,
        "net_tx_bytes_per_s": 654_321,
    }
    assert told["producers"]["b"] == {"last": None, "windows": []}

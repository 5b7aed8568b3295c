from __future__ import annotations

import pytest
import redis

from metrics_core.snapshot import ProcessView
from pipeline_http_redis.health import SILENT_AFTER_S, failure_of, main
from pipeline_http_redis.store import keys

NOW_US = 1_766_200_042_000_000


class Store(redis.Redis):
    """A store that answers from a dict, or does not answer."""

    def __init__(self, told: dict[str, bytes] | None) -> None:
        self._told = told

    def hget(self, name: str, key: str) -> bytes | None:  # type: ignore[override]
        if self._told is None:
            raise redis.ConnectionError("refused")
        assert name == keys.PROCESSES
        return self._told.get(key)

    def __del__(self) -> None:
        """There is nothing to close."""


def store(silent_s: float) -> Store:
    view = ProcessView("worker-1", 7, 1.0, 1000)
    return Store({"worker-1": keys.pack_process(view, NOW_US - int(silent_s * 1e6))})


def test_a_worker_that_told_a_moment_ago_is_healthy() -> None:
    assert failure_of(store(0.5), "worker-1", NOW_US) == ""
    assert failure_of(store(SILENT_AFTER_S), "worker-1", NOW_US) == ""


def test_a_worker_that_hangs_is_not() -> None:
    assert failure_of(store(60), "worker-1", NOW_US) == "worker-1 has been silent for 60 s"


def test_a_worker_that_never_told_is_not() -> None:
    assert failure_of(store(0), "worker-2", NOW_US) == "worker-2 has not reported yet"


def test_without_redis_no_worker_is() -> None:
    assert failure_of(Store(None), "worker-1", NOW_US) == "Redis does not answer (ConnectionError)"


def test_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_REDIS_URL", raising=False)
    assert main([]) == 2
    assert main(["worker-1"]) == 2
    assert "LAB_REDIS_URL is not set" in capsys.readouterr().err

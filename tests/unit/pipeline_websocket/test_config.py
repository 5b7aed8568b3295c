"""Settings of pipeline B."""

from __future__ import annotations

import pytest

from lab_runtime.env import Env
from metrics_core.errors import ConfigError
from pipeline_websocket.config import Config


def test_defaults() -> None:
    config = Config.from_env(Env({}), "pipeline_b")
    assert (config.host, config.port, config.ring_capacity, config.feed_hz) == ("127.0.0.1", 8768, 512, 4)
    assert "http://localhost:8765" in config.origins


def test_a_bad_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="LAB_RING_CAPACITY=0: expected 1 to 1000000"):
        Config.from_env(Env({"LAB_RING_CAPACITY": "0"}), "pipeline_b")

"""Settings of pipeline B."""

from __future__ import annotations

import pytest

from lab_runtime.env import Env
from metrics_core.errors import ConfigError
from pipeline_websocket.config import Config


def test_defaults() -> None:
    config = Config.from_env(Env({}), "pipeline_b")
    assert (config.host, config.port, config.ring_capacity, config.feed_hz) == ("127.0.0.1", 8768, 512, 4)
    assert (config.max_connections, config.producer_rate, config.tls) == (12_000, 20_000, None)
    assert config.guards.origin_is_ours("http://localhost:8765", "localhost:8768")


def test_a_bad_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="LAB_RING_CAPACITY=0: expected 1 to 1000000"):
        Config.from_env(Env({"LAB_RING_CAPACITY": "0"}), "pipeline_b")

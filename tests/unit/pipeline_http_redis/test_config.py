"""Settings of pipeline A."""

from __future__ import annotations

import pytest

from lab_runtime.env import Env
from metrics_core.errors import ConfigError
from pipeline_http_redis.config import Config

REDIS = {"LAB_REDIS_URL": "unix:///tmp/r.sock"}


def test_defaults() -> None:
    config = Config.from_env(Env(REDIS), "ingest")
    assert (config.host, config.ingest_port, config.fanout_port) == ("127.0.0.1", 8766, 8767)
    assert (config.backlog_capacity, config.feed_hz) == (1000, 4)
    assert (config.max_in_flight, config.max_connections, config.producer_rate) == (4096, 12_000, 20_000)
    assert config.guards.origin_is_ours("http://127.0.0.1:8765", "127.0.0.1:8767")
    assert config.guards.token_fault(b"") is None
    assert config.tls is None


def test_what_is_set() -> None:
    environ = REDIS | {"LAB_PORT_BASE": "9000", "LAB_BACKLOG_CAPACITY": "5", "LAB_TOKEN": "t", "LAB_RUN": "r"}
    config = Config.from_env(Env(environ), "ingest")
    assert (config.ingest_port, config.fanout_port, config.backlog_capacity) == (9001, 9002, 5)
    assert (config.run, config.redis_url) == ("r", "unix:///tmp/r.sock")
    assert config.guards.token_fault(b"Bearer t") is None
    assert config.guards.token_fault(b"") is not None
    assert config.guards.origin_is_ours("http://127.0.0.1:9000", "127.0.0.1:9002")


def test_a_redis_is_needed() -> None:
    with pytest.raises(ConfigError, match="LAB_REDIS_URL is not set"):
        Config.from_env(Env({}), "ingest")

"""Settings: defaults, and errors that name the setting and what it may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_servers.config import FleetConfig
from lab_runtime.env import Env
from metrics_core.errors import ConfigError


def test_defaults() -> None:
    config = FleetConfig.from_env(Env({}))
    assert (config.servers, config.rate, config.batch, config.seed) == (50, 1.0, 1, 1)
    assert (config.transport, config.replay, config.real, config.token) == ("twin", True, False, "")
    assert (config.host, config.port) == ("127.0.0.1", 8769)
    assert config.ingest_url == "http://127.0.0.1:8766"
    assert config.pipeline_b_url == "ws://127.0.0.1:8768"


def test_where_the_pipelines_are_can_be_said() -> None:
    environ = {"LAB_INGEST_URL": "http://ingest:9001/", "LAB_PIPELINE_B_URL": "wss://[::1]:9003"}
    config = FleetConfig.from_env(Env(environ))
    assert (config.ingest_url, config.pipeline_b_url) == ("http://ingest:9001", "wss://[::1]:9003")


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("LAB_SERVERS", "many", "LAB_SERVERS=many: expected a number"),
        ("LAB_TRANSPORT", "udp", "expected one of twin, http1, http2, websocket"),
        ("LAB_INGEST_URL", "ws://localhost:1", "expected http://host:port or https://host:port"),
        ("LAB_INGEST_URL", "http://", "expected http://host:port"),
        ("LAB_INGEST_URL", "http://localhost:99999", "expected http://host:port"),
        ("LAB_PIPELINE_B_URL", "localhost:8768", "expected ws://host:port or wss://host:port"),
        ("LAB_PIPELINE_B_URL", "ws://[::1", "expected ws://host:port"),
        ("LAB_BATCH", "5000", "expected at most LAB_OUTBOX_CAPACITY"),
        ("LAB_TOKEN", "pässword", "LAB_TOKEN: expected printable ASCII"),
        ("LAB_TOKEN", "two\nlines", "LAB_TOKEN: expected printable ASCII"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        FleetConfig.from_env(Env({name: value}))
    assert says in str(error.value)


def test_a_token_is_never_shown_in_an_error() -> None:
    with pytest.raises(ConfigError) as error:
        FleetConfig.from_env(Env({"LAB_TOKEN": "sécret"}))
    assert "cret" not in str(error.value)


def test_samples_are_logged_in_the_folder_of_the_run() -> None:
    settings = {"LAB_RUN": "r", "LAB_STATE_DIR": "/state"}
    assert FleetConfig.from_env(Env(settings)).sample_log == Path("/state/r/samples")
    assert FleetConfig.from_env(Env(settings | {"LAB_SAMPLE_LOG": "off"})).sample_log is None
    assert FleetConfig.from_env(Env({"LAB_STATE_DIR": "/state"})).sample_log is None

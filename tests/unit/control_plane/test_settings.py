from __future__ import annotations

import os
from pathlib import Path

import pytest

from control_plane.settings import ROOT, Settings, read_dotenv, unknown_variables
from metrics_core.errors import ConfigError


def test_defaults_are_those_of_the_lab() -> None:
    settings = Settings.from_environ({})
    assert (settings.host, settings.port_base, settings.servers, settings.workers) == (
        "127.0.0.1",
        8765,
        50,
        2,
    )
    assert (settings.rate, settings.fsync, settings.transport, settings.seed) == (1.0, "always", "twin", 1)
    assert settings.state_dir == ROOT / ".lab"


def test_every_run_has_a_name_of_its_own() -> None:
    names = {Settings.from_environ({}).run for _ in range(20)}
    assert len(names) == 20


@pytest.mark.parametrize(
    "name, text",
    [("LAB_RATE", "fast"), ("LAB_WORKERS", "1.5"), ("LAB_FSYNC", "often"), ("LAB_FEED_HZ", "1e9")],
)
def test_a_wrong_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}={text}: expected"):
        Settings.from_environ({name: text})


@pytest.mark.parametrize("run", ["..", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_run_name_cannot_leave_its_folder(run: str) -> None:
    with pytest.raises(ConfigError, match="LAB_RUN"):
        Settings.from_environ({"LAB_RUN": run})


def test_the_state_folder_may_be_anywhere(tmp_path: Path) -> None:
    assert Settings.from_environ({"LAB_STATE_DIR": str(tmp_path)}).state_dir == tmp_path


@pytest.mark.parametrize(
    "host, url",
    [("0.0.0.0", "http://127.0.0.1:9000/"), ("::", "http://[::1]:9000/"), ("::1", "http://[::1]:9000/")],
)
def test_clients_get_an_address_they_can_reach(host: str, url: str) -> None:
    settings = Settings.from_environ({"LAB_HOST": host, "LAB_PORT_BASE": "9000"})
    assert settings.urls["dashboard"] == url


def test_a_child_gets_the_settings_and_the_ports_really_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RATE", "77")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    settings = Settings.from_environ({"LAB_RATE": "3", "LAB_TOKEN": "secret"}).at(9005)
    environ = settings.child_environ("worker-1", "unix:///x.sock")
    assert environ["LAB_RATE"] == "3"
    assert environ["LAB_PORT_BASE"] == "9005"
    assert environ["LAB_INGEST_URL"] == "http://127.0.0.1:9006"
    assert environ["LAB_PROCESS_NAME"] == "worker-1"
    assert environ["LAB_RUN"] == settings.run
    assert environ["LAB_REDIS_URL"] == "unix:///x.sock"
    assert environ["LAB_TOKEN"] == "secret"
    assert environ["NO_PROXY"] == "*"
    assert environ["PATH"] == os.environ["PATH"]


def test_the_token_is_not_shown_in_logs() -> None:
    assert "secret" not in repr(Settings.from_environ({"LAB_TOKEN": "secret"}))


def test_dotenv_is_read_as_compose_reads_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# a comment\nOTHER=1\n\nLAB_RATE=2\nexport LAB_SEED = 3  # why\nLAB_TOKEN='a # b'\nLAB_RUN=\"x\"\nLAB_LOG=\n"
    )
    assert read_dotenv(path) == {
        "LAB_RATE": "2",
        "LAB_SEED": "3",
        "LAB_TOKEN": "a # b",
        "LAB_RUN": "x",
        "LAB_LOG": "",
    }


def test_no_dotenv_is_fine_and_a_bad_line_is_named(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}
    (tmp_path / ".env").write_text("LAB_RATE=1\nLAB_SEED 2\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_dotenv(tmp_path / ".env")


def test_a_misspelt_variable_is_answered_with_the_nearest() -> None:
    lines = unknown_variables(
        {"LAB_SERVER": "5", "LAB_RATE": "1", "LAB_OPEN": "on", "HOME": "/", "LAB_ZZZZZZZZ": "1"}
    )
    assert lines == [
        "LAB_SERVER is not a setting; did you mean LAB_SERVERS?",
        "LAB_ZZZZZZZZ is not a setting",
    ]

"""Logs: one JSON object a line where no terminal is, pretty where there is one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from lab_runtime.logs import configure_logs, get_logger


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configured = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)
    structlog.contextvars.clear_contextvars()


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("worker-1", "json")
    get_logger("test").info("listening", port=8766)
    logging.getLogger("some.library").warning("100%% of %s", "it")
    ours, theirs = map(orjson.loads, lines_of(capsys))
    assert (ours["event"], ours["port"], ours["process"], ours["level"]) == (
        "listening",
        8766,
        "worker-1",
        "info",
    )
    assert (theirs["event"], theirs["process"]) == ("100% of it", "worker-1")


def test_auto_is_json_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("ingest", "auto")
    get_logger("test").warning("store_away")
    assert orjson.loads(lines_of(capsys)[0])["event"] == "store_away"


def test_pretty(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("ingest", "pretty")
    get_logger("test").warning("store_away")
    assert "store_away" in lines_of(capsys)[0]
    assert not lines_of(capsys)


def test_chatty_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("worker-1", "json")
    logging.getLogger("rq.worker").info("job OK")
    logging.getLogger("websockets.server").info("connection open")
    assert lines_of(capsys) == []

"""Pipelines for tests of hostile clients: one pair for all, and what it must come back to after each attack."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.support.guarded_lab import TOKEN, GuardedLab
from tests.support.pipelines import Pipelines, temporary_pipelines


@pytest.fixture(scope="session")
def pipelines() -> Iterator[Pipelines]:
    """Pipeline A with one ingest process, so that its gauges are those of the attacked one, and pipeline B."""
    with temporary_pipelines(PRODUCER_RATE="0") as running:
        running.start_a(workers=2)
        running.start("websocket")
        yield running
        said = "".join(child.said() for child in running.children.values())
        trace = said.find("Traceback")
        assert trace < 0, said[max(0, trace - 500) : trace + 3_000]
        assert "connection_failed" not in said, "an error that nobody expected ended a connection"


@pytest.fixture(scope="session")
def guarded_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedLab]:
    """A whole lab with a token and TLS; whatever the tests did, the token is written nowhere at the end."""
    lab = GuardedLab(tmp_path_factory.mktemp("guarded") / "state")
    try:
        yield lab
        lab.process.end(signal.SIGINT)
        told = [where for where, content in lab.written() if TOKEN.encode() in content]
        assert told == [], "the token is told"
    finally:
        lab.process.close()

"""Both pipelines, running, for all contract tests; pipeline A also over Debian's redis-server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pipelines import Pipelines, redis_server, temporary_pipelines


@pytest.fixture(scope="session")
def pipelines() -> Iterator[Pipelines]:
    """Pipeline A over Valkey with two workers, and pipeline B."""
    with temporary_pipelines() as running:
        running.start_a(workers=2)
        running.start("websocket")
        yield running


@pytest.fixture(scope="session")
def over_redis_server() -> Iterator[Pipelines]:
    """Pipeline A over redis-server."""
    with temporary_pipelines(redis_server()) as running:
        running.start_a(workers=2)
        yield running


@pytest.fixture(params=["valkey", "redis-server"])
def pipeline_a(request: pytest.FixtureRequest) -> Pipelines:
    """Pipeline A over each store in turn."""
    name = "pipelines" if request.param == "valkey" else "over_redis_server"
    running: Pipelines = request.getfixturevalue(name)
    return running

"""Both pipelines, running, for all contract tests; pipeline A once over Valkey and once over Debian's redis-server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.folders import short_folder
from tests.support.pipelines import Pipelines, redis_server


@pytest.fixture(scope="session", params=["valkey", "redis-server"])
def pipelines(request: pytest.FixtureRequest) -> Iterator[Pipelines]:
    """Pipeline A with two workers, and pipeline B."""
    store = redis_server() if request.param == "redis-server" else None
    with short_folder() as folder, Pipelines(folder, store) as running:
        running.start_a(workers=2)
        running.start("websocket")
        yield running

"""A small fleet that connects to nothing, and its control API in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from fake_servers.control import build_app
from fake_servers.fleet import Fleet
from tests.support.small_fleet import CONFIG, HERE


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(CONFIG)


@pytest.fixture
def client(fleet: Fleet) -> Iterator[TestClient]:
    with TestClient(build_app(fleet, CONFIG), HERE) as client:
        yield client

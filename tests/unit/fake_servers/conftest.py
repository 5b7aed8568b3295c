"""A small fleet that connects to nothing, and its control API in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from fake_servers.config import FleetConfig
from fake_servers.control import build_app
from fake_servers.fleet import Fleet
from lab_runtime.env import Env

CONFIG = replace(FleetConfig.from_env(Env({})), servers=3)
HERE = "http://127.0.0.1:8769"


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(CONFIG)


@pytest.fixture
def client(fleet: Fleet) -> Iterator[TestClient]:
    with TestClient(build_app(fleet, CONFIG), HERE) as client:
        yield client

"""Pipelines for integration tests: one pair that nobody harms, and fresh ones for tests that do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.pipelines import Pipelines, temporary_pipelines

FreshPipelines = Callable[..., Pipelines]


@pytest.fixture(scope="session")
def pipelines() -> Iterator[Pipelines]:
    """Pipeline A with two ingest processes on one port and two workers, and pipeline B."""
    with temporary_pipelines() as running:
        running.start_a(workers=2, ingests=2)
        running.start("websocket")
        yield running


@pytest.fixture
def fresh_pipelines() -> Iterator[FreshPipelines]:
    """Makes pipelines of which nothing runs yet; settings are `LAB_…` variables without the prefix."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(temporary_pipelines(**settings))

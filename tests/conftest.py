"""What all tests share: async tests run on asyncio (anyio's plugin), and Hypothesis' profile."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no failure, and a test that passes today passes tomorrow.
settings.register_profile(
    "lab", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lab")

if (
    signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
):  # under nohup: tests' own children must hear it all the same
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of async tests."""
    return "asyncio"


BESIDE: Final = tuple(
    Path(__file__).parent / path
    for path in ("unit", "browser", "integration/test_up.py", "integration/test_lab_bootstrap.py")
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what minds no neighbour, before anything is selected by marks."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in BESIDE):
            item.add_marker(pytest.mark.beside)

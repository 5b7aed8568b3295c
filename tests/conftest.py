"""What all tests share: async tests run on asyncio (anyio's plugin), and Hypothesis' profile."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no failure, and a test that passes today passes tomorrow.
settings.register_profile(
    "lab", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lab")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of async tests."""
    return "asyncio"

"""The containers are built and started once for all compose tests, and what they said is shown with every failure."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.compose.stack import Stack

BUILD_WITHIN_S = 220.0


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A project whose images are built; nothing runs yet. Removed at the end with its images, whatever happened."""
    try:
        engine = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
        answers = engine.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        answers = False
    if not answers:
        pytest.fail("no Docker engine answers (`docker info`): start one, or leave LAB_TEST_COMPOSE unset")
    project = Stack(tmp_path_factory.mktemp("compose"))
    try:
        project.compose("build", within_s=BUILD_WITHIN_S)
        yield project
    finally:
        project.compose("down", "-v", "--remove-orphans", "--rmi", "all")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the containers' states and logs to the report of a failure."""
    report = yield
    values: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and isinstance(found := values.get("stack"), Stack):
        try:
            report.sections.append(("containers", found.story()))
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            report.sections.append(("containers", f"cannot be asked: {error}"))
    return report

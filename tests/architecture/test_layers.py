"""Who may import whom, which modules are pure, and that `up` does not pay for the load tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import PACKAGES, ROOT, files, imports, name

MAY_IMPORT: Final[dict[str, set[str]]] = {
    "metrics_core": set(),
    "lab_runtime": {"metrics_core"},
    "fake_servers": {"metrics_core", "lab_runtime"},
    "pipeline_http_redis": {"metrics_core", "lab_runtime"},
    "pipeline_websocket": {"metrics_core", "lab_runtime"},
    "load_tests": {
        "metrics_core",
        "lab_runtime",
        "fake_servers",
        "pipeline_http_redis",
        "pipeline_websocket",
    },
    "control_plane": set(PACKAGES),
}
PURE: Final = ("metrics_core", "pipeline_websocket/ring.py", "pipeline_websocket/aggregator.py")
NOT_PURE: Final = {
    "anyio",
    "asyncio",
    "datetime",
    "httpx2",
    "hypercorn",
    "lab_runtime",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "psutil",
    "random",
    "redis",
    "rq",
    "secrets",
    "socket",
    "starlette",
    "subprocess",
    "threading",
    "time",
    "uuid",
    "uvloop",
    "websockets",
}


def sources(package: str) -> list[Path]:
    return list(files(".py", under=ROOT / package))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    for path in sources(package):
        above = {module for module in imports(path) if module.partition(".")[0] in set(PACKAGES) - allowed}
        assert not above, f"{name(path)} imports {', '.join(sorted(above))}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_the_tests(package: str) -> None:
    for path in sources(package):
        assert not {module for module in imports(path) if module.partition(".")[0] in ("tests", "pytest")}, (
            name(path)
        )


@pytest.mark.parametrize("part", PURE)
def test_pure_modules_know_no_clock_no_network_and_no_chance(part: str) -> None:
    paths = [ROOT / part] if part.endswith(".py") else sources(part)
    assert paths
    for path in paths:
        impure = {module for module in imports(path) if module.partition(".")[0] in NOT_PURE}
        assert not impure, f"{name(path)} imports {', '.join(sorted(impure))}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    import ast

    for path in sources(package):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{name(path)}: no docstring"


def test_what_up_starts_does_not_import_the_load_tests() -> None:
    program = """
import sys
import control_plane.cli, control_plane.up, control_plane.api, control_plane.check
import fake_servers.__main__, pipeline_http_redis.__main__, pipeline_websocket.__main__
import pipeline_http_redis.server, pipeline_http_redis.worker, pipeline_http_redis.fanout
heavy = {"locust", "gevent", "flask", "pytest", "load_tests", "playwright"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_pipelines_have_the_same_names_where_they_do_the_same_job() -> None:
    folders = (ROOT / "pipeline_http_redis", ROOT / "pipeline_websocket")
    names = [{path.stem for path in folder.iterdir() if path.name != "__pycache__"} for folder in folders]
    assert names[0] & names[1] == {"__init__", "__main__", "config", "server", "ingest", "fanout"}
    assert {"batcher", "jobs", "worker", "store"} <= names[0]
    assert {"ring", "aggregator"} <= names[1]

"""Each crossover's process imports what it is made of and no more: memory is one of the figures it is measured by."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.child import ROOT, clean_environ


@pytest.mark.parametrize(
    "module, not_needed",
    [
        ("load_tests.crossovers.http_memory", {"redis", "rq", "pipeline_http_redis.batcher"}),
        ("load_tests.crossovers.websocket_redis", {"starlette", "hypercorn", "h2"}),
    ],
)
def test_nothing_is_imported_that_is_not_needed(module: str, not_needed: set[str]) -> None:
    program = f"import sys, {module}; sys.exit(', '.join({not_needed!r} & set(sys.modules)) or 0)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def ended(*arguments: str, **settings: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "load_tests.crossovers", *arguments],
        cwd=ROOT,
        env=clean_environ(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize("arguments", [(), ("http-redis",), ("http-memory", "websocket-redis")])
def test_another_name_is_answered_by_the_usage(arguments: tuple[str, ...]) -> None:
    assert ended(*arguments) == (1, "usage: python -m load_tests.crossovers http-memory|websocket-redis")


def test_a_wrong_setting_is_one_line() -> None:
    code, said = ended("websocket-redis")
    assert (code, said.count("\n")) == (2, 0)
    assert said.startswith("websocket-redis: LAB_REDIS_URL is not set")
    code, said = ended("http-memory", LAB_RING_CAPACITY="0")
    assert (code, said) == (2, "http-memory: LAB_RING_CAPACITY=0: expected 1 to 1000000")

"""`python -m load_tests.crossovers http-memory|websocket-redis`: one crossover, configured by `LAB_…` variables."""

from __future__ import annotations

import sys

from lab_runtime.env import Env
from lab_runtime.process import run_async, start

_NAMES = ("http-memory", "websocket-redis")


def main(which: str) -> None:
    """Run one crossover; imports only what that one needs, so that its memory is what it would be in production."""

    def body(env: Env, name: str) -> None:
        if which == "http-memory":
            from load_tests.crossovers.http_memory import HttpMemory

            run_async(lambda stop: HttpMemory(env, name).serve(stop))
        else:
            from load_tests.crossovers.websocket_redis import WebSocketRedis

            run_async(lambda stop: WebSocketRedis(env, name).serve(stop))

    start(which, body)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in _NAMES:
        sys.exit(f"usage: python -m load_tests.crossovers {'|'.join(_NAMES)}")
    main(sys.argv[1])

"""`python -m pipeline_websocket`: the process of pipeline B, configured by `LAB_…` variables."""

from __future__ import annotations

import sys

from lab_runtime.env import Env
from lab_runtime.open_files import allow_many_connections
from lab_runtime.process import run_async, start
from pipeline_websocket.config import Config
from pipeline_websocket.server import PipelineServer


def _body(env: Env, name: str) -> None:
    config = Config.from_env(env, name)
    allow_many_connections()
    run_async(lambda stop: PipelineServer(config).serve(stop))


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python -m pipeline_websocket")
    start("pipeline_b", _body)

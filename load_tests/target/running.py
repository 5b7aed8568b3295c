"""A lab that runs somewhere, known by its addresses alone: in Docker, on another machine, under plain `locust`.

Its processes cannot be seen from here, so there is no bill of them; the run says so.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from lab_runtime.env import Env
from load_tests.runs.machine import revision
from load_tests.target.rig import ROOT
from load_tests.target.target import ARMS, Target
from metrics_core.errors import ConfigError


def target_at(env: Env, arm: str, producers_at: str = "") -> Target:
    """One pipeline of a lab.

    Args:
        env: Says where the lab is: `LAB_INGEST_URL`, `LAB_FANOUT_URL`, `LAB_PIPELINE_B_URL`, `LAB_PORT_BASE`.
        arm: `http1`, `http2` or `websocket`.
        producers_at: URL where producers connect; empty: where `env` says.

    Raises:
        ConfigError: An address cannot be read.
    """
    protocol, store = ARMS[arm]
    ingest, feed = env.url("LAB_INGEST_URL", "http", 1), env.url("LAB_FANOUT_URL", "http", 2)
    where = producers_at or (ingest if store == "redis" else env.url("LAB_PIPELINE_B_URL", "ws", 3))
    try:
        url = urlsplit(where)
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise ConfigError(f"{where}: expected something like http://127.0.0.1:8766")
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Target(
        arm=arm,
        protocol=protocol,
        store=store,
        host=host,
        port=port,
        http_url=f"http://{netloc}",
        feed_url=f"ws://{urlsplit(feed).netloc if store == 'redis' else netloc}/v1/feed",
        token=env.text("LAB_TOKEN"),
        revision=revision(ROOT),
    )

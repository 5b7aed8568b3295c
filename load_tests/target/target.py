"""What load is put on, as the generator is told: addresses, processes, settings. One JSON file (`--target FILE`)."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct, field

from load_tests.runs.schema import Protocol, Store
from metrics_core.errors import LabError

ARMS: dict[str, tuple[Protocol, Store]] = {
    "http1": ("http1", "redis"),
    "http2": ("http2", "redis"),
    "websocket": ("websocket", "memory"),
    "http1-memory": ("http1", "memory"),
    "http2-memory": ("http2", "memory"),
    "websocket-redis": ("websocket", "redis"),
}
"""What can be measured: what the producers speak, and what is behind the ingest. The last three are crossovers."""


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """One pipeline, or one crossover, that runs.

    Attributes:
        arm: Its name in reports (`ARMS`, with settings that were added).
        protocol, store: See `ARMS`.
        host, port: Where producers connect.
        http_url: Where `/v1/ledger`, `/v1/histograms` and `/readyz` are.
        feed_url: Where its feed is.
        token: Bearer token; empty: none.
        processes: Process ids by name, the store included; empty: they run elsewhere.
        redis_url: Its Redis, where it can be asked; empty: it cannot, or there is none.
        fsync, workers, ingest_processes: As it was started; `unknown` and -1 where nobody told.
        build, revision: See `Setup`.
        own_lab: Whether it was started for the measurement.
        disk: The folder that the append-only file is in; empty: unknown.
        events_file: Where the lab that it belongs to records events; empty: nowhere.
    """

    arm: str
    protocol: Protocol
    store: Store
    host: str
    port: int
    http_url: str
    feed_url: str
    token: str = ""
    processes: dict[str, int] = field(default_factory=dict)
    redis_url: str = ""
    fsync: str = "unknown"
    workers: int = -1
    ingest_processes: int = -1
    build: str = "this folder"
    revision: str = ""
    own_lab: bool = False
    disk: str = ""
    events_file: str = ""


def read_target(path: Path) -> Target:
    """The target in a file.

    Raises:
        LabError: It cannot be read, or holds no target.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Target)
    except OSError as error:
        raise LabError(f"--target {path}: cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise LabError(f"--target {path}: not a target ({error})") from None

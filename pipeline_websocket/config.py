"""Settings of pipeline B's process, read once from `LAB_…` variables and passed in."""

from __future__ import annotations

from dataclasses import dataclass

from lab_runtime.env import Env
from lab_runtime.ops import allowed_origins


@dataclass(frozen=True, slots=True)
class Config:
    """What the process needs to know.

    Attributes:
        name: This process in feeds and logs.
        run: Identity of the lab's run.
        host: Address to listen on.
        port: `/v1/ingest` and `/v1/feed`.
        ring_capacity: Samples kept per producer.
        feed_hz: Snapshots per second.
        token: Bearer token; empty: none asked for.
        origins: Pages that may open a WebSocket here.
    """

    name: str
    run: str
    host: str
    port: int
    ring_capacity: int
    feed_hz: float
    token: str
    origins: tuple[str, ...]

    @classmethod
    def from_env(cls, env: Env, name: str) -> Config:
        """Read the settings.

        Raises:
            ConfigError: A variable does not hold what it may hold.
        """
        return cls(
            name=name,
            run=env.text("LAB_RUN"),
            host=env.text("LAB_HOST"),
            port=env.port(3),
            ring_capacity=env.integer("LAB_RING_CAPACITY"),
            feed_hz=env.number("LAB_FEED_HZ"),
            token=env.text("LAB_TOKEN"),
            origins=tuple(allowed_origins(env.text("LAB_HOST"), env.published_port(0))),
        )

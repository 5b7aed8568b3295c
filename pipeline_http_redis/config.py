"""Settings of pipeline A's processes, read once from `LAB_…` variables and passed in."""

from __future__ import annotations

from dataclasses import dataclass

from lab_runtime.env import Env
from lab_runtime.ops import allowed_origins


@dataclass(frozen=True, slots=True)
class Config:
    """What ingest, worker and fan-out need to know.

    Attributes:
        name: This process in feeds and logs.
        run: Identity of the lab's run.
        host: Address to listen on.
        ingest_port: `POST /v1/samples`.
        fanout_port: `/v1/feed`.
        redis_url: The Redis or Valkey behind it all.
        backlog_capacity: RQ jobs that may wait before the ingest answers 429.
        feed_hz: Snapshots per second.
        token: Bearer token; empty: none asked for.
        origins: Pages that may open the feed.
    """

    name: str
    run: str
    host: str
    ingest_port: int
    fanout_port: int
    redis_url: str
    backlog_capacity: int
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
            ingest_port=env.port(1),
            fanout_port=env.port(2),
            redis_url=env.redis_url(),
            backlog_capacity=env.integer("LAB_BACKLOG_CAPACITY"),
            feed_hz=env.number("LAB_FEED_HZ"),
            token=env.text("LAB_TOKEN"),
            origins=tuple(allowed_origins(env.text("LAB_HOST"), env.published_port(0))),
        )

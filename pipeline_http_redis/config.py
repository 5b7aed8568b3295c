"""Settings of pipeline A's processes, read once from `LAB_…` variables and passed in."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab_runtime.env import Env
from lab_runtime.guards import Guards
from lab_runtime.tls import TlsFiles
from metrics_core.alerts import AlertRules


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
        max_in_flight: Requests in hand before the ingest answers 429.
        max_connections: Open connections before a WebSocket is refused.
        producer_rate: Samples per second and producer; 0: any number.
        guards: Hosts, origins and tokens.
        tls: Certificate and key; None: no TLS.
        rules: When a producer is in trouble.
        takes_orders: Whether the fault engine may break this process (`LAB_FAULTS=inside`).
    """

    name: str
    run: str
    host: str
    ingest_port: int
    fanout_port: int
    redis_url: str
    backlog_capacity: int
    feed_hz: float
    max_in_flight: int
    max_connections: int
    producer_rate: float
    guards: Guards
    tls: TlsFiles | None
    rules: AlertRules = field(default_factory=AlertRules)
    takes_orders: bool = False

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
            max_in_flight=env.integer("LAB_MAX_IN_FLIGHT"),
            max_connections=env.integer("LAB_MAX_CONNECTIONS"),
            producer_rate=env.number("LAB_PRODUCER_RATE"),
            guards=Guards.from_env(env),
            tls=TlsFiles.from_env(env),
            rules=env.alert_rules(),
            takes_orders=env.takes_orders(),
        )

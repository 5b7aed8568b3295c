"""Settings of pipeline B's process, read once from `LAB_…` variables and passed in."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab_runtime.env import Env
from lab_runtime.guards import Guards
from lab_runtime.tls import TlsFiles
from metrics_core.alerts import AlertRules


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
    port: int
    ring_capacity: int
    feed_hz: float
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
            port=env.port(3),
            ring_capacity=env.integer("LAB_RING_CAPACITY"),
            feed_hz=env.number("LAB_FEED_HZ"),
            max_connections=env.integer("LAB_MAX_CONNECTIONS"),
            producer_rate=env.number("LAB_PRODUCER_RATE"),
            guards=Guards.from_env(env),
            tls=TlsFiles.from_env(env),
            rules=env.alert_rules(),
            takes_orders=env.takes_orders(),
        )

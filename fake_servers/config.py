"""The fleet's settings: read once from `LAB_…` variables, checked against each other, passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lab_runtime.env import Env
from lab_runtime.tls import TlsFiles
from metrics_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """What the fleet is to do.

    Attributes:
        host: Address that the control API listens on.
        port: Its port.
        port_base: Port of the dashboard as browsers see it (pages from there may call the control API).
        servers: How many virtual servers.
        rate: Samples per second and server.
        batch: Samples per send.
        seed: Seed of the signals.
        transport: `twin`, `http1`, `http2` or `websocket`.
        replay: Whether pipeline B is given back what it acked and lost.
        outbox_capacity: Samples kept per producer.
        spike_rate: CPU spikes per server and hour.
        spike_height: Their height in percentage points.
        real: Whether this machine is one more producer.
        token: Bearer token, empty for none.
        hostnames: Further host names of the lab.
        tls: The lab's CA, certificate and key; None: no TLS.
        ingest_url: Pipeline A's ingest, without path.
        pipeline_b_url: Pipeline B, without path.
        sample_log: Folder of the producers' own log; None: there is none.
        takes_orders: Whether the fault engine may break this process (`LAB_FAULTS=inside`).
    """

    host: str
    port: int
    port_base: int
    servers: int
    rate: float
    batch: int
    seed: int
    transport: str
    replay: bool
    outbox_capacity: int
    spike_rate: float
    spike_height: float
    real: bool
    token: str = field(repr=False)
    hostnames: tuple[str, ...]
    tls: TlsFiles | None
    ingest_url: str
    pipeline_b_url: str
    sample_log: Path | None
    takes_orders: bool = False

    @classmethod
    def from_env(cls, env: Env) -> FleetConfig:
        """Read the settings.

        Raises:
            ConfigError: One of them cannot be used.
        """
        config = cls(
            host=env.text("LAB_HOST"),
            port=env.port(4),
            port_base=env.published_port(0),
            servers=env.integer("LAB_SERVERS"),
            rate=env.number("LAB_RATE"),
            batch=env.integer("LAB_BATCH"),
            seed=env.integer("LAB_SEED"),
            transport=env.text("LAB_TRANSPORT"),
            replay=env.switch("LAB_REPLAY"),
            outbox_capacity=env.integer("LAB_OUTBOX_CAPACITY"),
            spike_rate=env.number("LAB_SPIKE_RATE"),
            spike_height=env.number("LAB_SPIKE_HEIGHT"),
            real=env.switch("LAB_REAL"),
            token=env.token(),
            hostnames=env.hostnames(),
            tls=TlsFiles.from_env(env),
            ingest_url=env.url("LAB_INGEST_URL", "http", 1),
            pipeline_b_url=env.url("LAB_PIPELINE_B_URL", "ws", 3),
            sample_log=_sample_log(env),
            takes_orders=env.takes_orders(),
        )
        _check_url("LAB_INGEST_URL", config.ingest_url, ("http", "https"))
        _check_url("LAB_PIPELINE_B_URL", config.pipeline_b_url, ("ws", "wss"))
        if config.batch > config.outbox_capacity:
            raise ConfigError(
                f"LAB_BATCH={config.batch}: expected at most LAB_OUTBOX_CAPACITY ({config.outbox_capacity}), "
                "since a batch gathers in the outbox"
            )
        return config


def _sample_log(env: Env) -> Path | None:
    run = env.text("LAB_RUN")
    if not run or not env.switch("LAB_SAMPLE_LOG"):
        return None
    return Path(env.text("LAB_STATE_DIR")) / run / "samples"


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{name}={url}: expected {schemes[0]}://host:port or {schemes[1]}://host:port")

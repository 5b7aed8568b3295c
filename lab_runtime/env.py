"""Settings from `LAB_…` variables, read once per process, with errors that say what may stand there.

`VARIABLES` is the one list of all settings; `.env.example`, `lab.py up --help` and the documents are held against it
by a test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from metrics_core.alerts import AlertRules, Threshold
from metrics_core.errors import ConfigError
from metrics_core.sample import PERCENTS


class Variable(NamedTuple):
    """A setting: its default as text, its meaning, and what it may hold (a range or a list of words)."""

    default: str
    meaning: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()


VARIABLES: Final[dict[str, Variable]] = {
    "LAB_HOST": Variable("127.0.0.1", "address to listen on"),
    "LAB_HOSTNAMES": Variable("", "further host names that clients may call the lab by, with commas between"),
    "LAB_TLS": Variable(
        "off", "TLS on every port, by a development CA of the lab's own", words=("on", "off")
    ),
    "LAB_PORT_BASE": Variable("8765", "first of five ports", 1, 65531),
    "LAB_REDIS_URL": Variable("", "Redis or Valkey to use; empty: the embedded Valkey"),
    "LAB_FSYNC": Variable("always", "Redis appendfsync", words=("always", "everysec", "no")),
    "LAB_WORKERS": Variable("2", "RQ workers of pipeline A", 0, 64),
    "LAB_INGEST_PROCESSES": Variable("1", "ingest processes of pipeline A", 1, 16),
    "LAB_BACKLOG_CAPACITY": Variable("1000", "RQ jobs waiting before pipeline A answers 429", 1, 1_000_000),
    "LAB_MAX_IN_FLIGHT": Variable(
        "4096", "requests that one ingest process of pipeline A has in hand before it answers 429", 1, 100_000
    ),
    "LAB_MAX_CONNECTIONS": Variable(
        "12000", "connections of one WebSocket port before it answers 503 to the next", 1, 100_000
    ),
    "LAB_PRODUCER_RATE": Variable(
        "20000", "samples per second that one producer may send to a pipeline; 0: any number", 0, 10_000_000
    ),
    "LAB_RING_CAPACITY": Variable("512", "samples per producer that pipeline B keeps", 1, 1_000_000),
    "LAB_FEED_HZ": Variable("4", "snapshots per second to each dashboard", 0.1, 60),
    "LAB_ALERT_CPU": Variable("80/95", "CPU use in percent that is a warning, and one that is critical"),
    "LAB_ALERT_MEMORY": Variable("85/95", "memory use in percent, likewise"),
    "LAB_ALERT_DISK": Variable("85/95", "disk use in percent, likewise"),
    "LAB_ALERT_SILENCE": Variable(
        "3", "seconds without a new sample after which a server is silent", 0.1, 3600
    ),
    "LAB_SERVERS": Variable("50", "fake servers", 0, 10_000),
    "LAB_RATE": Variable("1.0", "samples per second and server", 0.001, 1000),
    "LAB_BATCH": Variable("1", "samples per send", 1, 10_000),
    "LAB_SEED": Variable("1", "seed of the fake servers' signals", 0, 2**31),
    "LAB_TRANSPORT": Variable("twin", "what the fleet speaks", words=("twin", "http1", "http2", "websocket")),
    "LAB_REPLAY": Variable(
        "on", "resend from the outbox after pipeline B lost its memory", words=("on", "off")
    ),
    "LAB_OUTBOX_CAPACITY": Variable(
        "4096", "samples per producer and pipeline kept for a resend", 1, 1_000_000
    ),
    "LAB_SPIKE_RATE": Variable("12", "CPU spikes per server and hour", 0, 3600),
    "LAB_SPIKE_HEIGHT": Variable("45", "height of a CPU spike in percentage points", 0, 100),
    "LAB_SAMPLE_LOG": Variable(
        "on", "the fleet writes every sample into the run's folder before it sends it", words=("on", "off")
    ),
    "LAB_REAL": Variable("off", "add this machine as one more producer", words=("on", "off")),
    "LAB_JOIN": Variable(
        "on", "whether phones may join as servers, until the page says otherwise", words=("on", "off")
    ),
    "LAB_JOIN_MOST": Variable("200", "phones that may have joined at once", 0, 1_000),
    "LAB_TOKEN": Variable("", "bearer token for ingest, feeds and control; empty: none"),
    "LAB_RUN": Variable("", "identity of the run; empty: made at the start"),
    "LAB_LOG": Variable(
        "auto", "log format; auto: pretty on a terminal, else json", words=("auto", "pretty", "json")
    ),
    "LAB_PROCESS_NAME": Variable("", "name of this process in feeds and logs"),
    "LAB_FAULTS": Variable(
        "off",
        "inside: processes take orders to break themselves, as in containers, where no supervisor can",
        words=("off", "inside"),
    ),
    "LAB_STATE_DIR": Variable(".lab", "where `up` keeps logs, the store and what is running"),
    "LAB_INGEST_URL": Variable("", "pipeline A's ingest as clients see it; empty: this machine, base + 1"),
    "LAB_FANOUT_URL": Variable("", "pipeline A's fan-out; empty: this machine, base + 2"),
    "LAB_PIPELINE_B_URL": Variable("", "pipeline B; empty: this machine, base + 3"),
    "LAB_FLEET_URL": Variable("", "the fleet's control; empty: this machine, base + 4"),
}


_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?", re.ASCII)

PUBLISHED_PORTS: Final[dict[str, Variable]] = {
    "LAB_PORT_DASHBOARD": Variable("8765", "in Docker: port of the dashboard on this machine", 1, 65535),
    "LAB_PORT_INGEST": Variable("8766", "in Docker: port of pipeline A's ingest on this machine", 1, 65535),
    "LAB_PORT_FEED_A": Variable("8767", "in Docker: port of pipeline A's feed on this machine", 1, 65535),
    "LAB_PORT_PIPELINE_B": Variable("8768", "in Docker: port of pipeline B on this machine", 1, 65535),
    "LAB_PORT_FLEET": Variable("8769", "in Docker: port of the fleet's control on this machine", 1, 65535),
}
"""Set by compose alone, in the order of the offsets: where each part is published. `up` hands none of them on."""


class Env:
    """Typed reading of `LAB_…` variables.

    Raises (from every method):
        ConfigError: The variable does not hold what it may hold.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def text(self, name: str) -> str:
        """The variable as text; for one with a list of words, one of them."""
        variable = VARIABLES[name]
        value = self._environ.get(name, "").strip() or variable.default
        if variable.words and value not in variable.words:
            raise ConfigError(f"{name}={value}: expected one of {', '.join(variable.words)}")
        return value

    def number(self, name: str) -> float:
        """The variable as a number within its range."""
        variable, value = VARIABLES[name], self.text(name)
        try:
            number = float(value)
        except ValueError:
            raise ConfigError(f"{name}={value}: expected a number") from None
        low, high = variable.low, variable.high
        if not ((low is None or number >= low) and (high is None or number <= high)):
            raise ConfigError(f"{name}={value}: expected {low:.15g} to {high:.15g}")
        return number

    def integer(self, name: str) -> int:
        """The variable as a whole number within its range."""
        number = self.number(name)
        if number != int(number):
            raise ConfigError(f"{name}={self.text(name)}: expected a whole number")
        return int(number)

    def switch(self, name: str) -> bool:
        """The variable as on or off."""
        return self.text(name) == "on"

    def port(self, offset: int) -> int:
        """A port of the lab: the base plus `offset` (0 dashboard, 1 ingest, 2 feed A, 3 pipeline B, 4 fleet)."""
        return self.integer("LAB_PORT_BASE") + offset

    def published_port(self, offset: int) -> int:
        """The port that browsers and clients outside use: `port(offset)`, or in a container what compose says."""
        name = list(PUBLISHED_PORTS)[offset]
        text = self._environ.get(name, "").strip()
        if not text:
            return self.port(offset)
        if not (text.isdecimal() and 1 <= int(text) <= 65535):
            raise ConfigError(f"{name}={text}: expected a port, 1 to 65535")
        return int(text)

    def url(self, name: str, scheme: str, offset: int) -> str:
        """Where a part of the lab is for clients: the variable, or this machine's port."""
        secure = "s" if self.switch("LAB_TLS") else ""
        return (self.text(name) or f"{scheme}{secure}://127.0.0.1:{self.port(offset)}").rstrip("/")

    def token(self) -> str:
        """The lab's bearer token; empty: none."""
        token = self.text("LAB_TOKEN")
        if not (token.isascii() and token.isprintable()):
            raise ConfigError("LAB_TOKEN: expected printable ASCII, since it travels in a header")
        return token

    def takes_orders(self) -> bool:
        """Whether this process breaks itself when the fault engine asks (see `self_faults.py`)."""
        return self.text("LAB_FAULTS") == "inside"

    def alert_rules(self) -> AlertRules:
        """When a server is in trouble."""
        thresholds = {}
        for metric in PERCENTS:
            name = f"LAB_ALERT_{metric.removesuffix('_percent').upper()}"
            try:
                thresholds[metric] = Threshold.parse(self.text(name))
            except ValueError:
                raise ConfigError(
                    f"{name}={self.text(name)}: expected warning/critical in percent, such as 80/95"
                ) from None
        return AlertRules(thresholds, int(self.number("LAB_ALERT_SILENCE") * 1e6))

    def hostnames(self) -> tuple[str, ...]:
        """The further host names of the lab."""
        names = tuple(name.strip() for name in self.text("LAB_HOSTNAMES").split(",") if name.strip())
        for name in names:
            if not _HOST_NAME.fullmatch(name):
                raise ConfigError(
                    f"LAB_HOSTNAMES={name:.80}: expected host names with commas between, without ports"
                )
        return names

    def redis_url(self) -> str:
        """The Redis to use; `up` and compose always set it."""
        url = self.text("LAB_REDIS_URL")
        if not url:
            raise ConfigError(
                "LAB_REDIS_URL is not set: start the lab with `python3 lab.py up`, or name a Redis"
            )
        return url

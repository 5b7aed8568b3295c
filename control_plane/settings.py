"""What a lab is started with: `.env`, the environment and the flags of `up`, checked once before anything starts.

A flag wins over the environment, the environment over `.env`. Everything that a child needs reaches it as `LAB_…`
variables, here as in compose; so a child started by hand with the same variables is the same child.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lab_runtime.env import PUBLISHED_PORTS, VARIABLES, Env, Variable
from lab_runtime.guards import ANY_IPV4
from metrics_core.errors import ConfigError

ROOT: Final = Path(__file__).resolve().parent.parent
"""The folder that holds `lab.py`; where `.env` is read from and relative state folders are put."""

OWN_VARIABLES: Final[dict[str, Variable]] = {
    "LAB_OPEN": Variable("on", "`up` opens the dashboard in the browser", words=("on", "off")),
} | PUBLISHED_PORTS
"""Settings that `up` hands to no process: the command line's own, and those of compose."""

BOOTSTRAP_VARIABLES: Final = (
    "LAB_WHEELHOUSE",
    "LAB_TEST_COMPOSE",
    "LAB_TEST_AUDIT",
    "LAB_TEST_SOAK_S",
    "LAB_TEST_WEBSOCKETS",
    "LAB_TEST_PAGE_S",
)
"""Read by `lab.py` (a folder of wheels to install from) and by tests: select those that need
Docker, soak for longer, open more idle WebSockets, watch the page for longer."""

PORTS: Final = 5
_WILDCARDS: Final = {ANY_IPV4: "127.0.0.1", "::": "[::1]"}
_REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_RUN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked configuration of one lab.

    Attributes:
        environ: Every `LAB_…` variable that was set, by flag, environment or `.env`.
        run: Identity of the run; names its folder.
        host: Address to listen on.
        port_base: First of five ports.
        state_dir: Where runs are kept (absolute).
        redis_url: A Redis of the user's; empty: the embedded Valkey.
        transport: What the fleet speaks; says which pipelines get samples.
        hostnames: Further host names that clients may use.
        tls: Whether every port speaks TLS.
    """

    environ: Mapping[str, str] = field(repr=False)
    run: str
    host: str
    port_base: int
    state_dir: Path
    redis_url: str
    transport: str
    fsync: str
    workers: int
    ingest_processes: int
    servers: int
    rate: float
    seed: int
    token: str = field(repr=False)
    hostnames: tuple[str, ...] = ()
    tls: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Check every setting.

        Raises:
            ConfigError: One does not hold what it may hold.
        """
        ours = {name: text for name, text in environ.items() if name in VARIABLES and text.strip()}
        env = Env(ours)
        for name, variable in VARIABLES.items():
            if variable.low is not None:
                env.number(name)
            else:
                env.text(name)
        run = env.text("LAB_RUN") or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        if not _RUN_NAME.fullmatch(run):
            raise ConfigError(
                f"LAB_RUN={run}: expected 1-64 of A-Z a-z 0-9 . _ -, the first a letter or digit"
            )
        redis_url = env.text("LAB_REDIS_URL")
        if redis_url and not redis_url.startswith(_REDIS_SCHEMES):
            raise ConfigError(f"LAB_REDIS_URL: expected {', '.join(_REDIS_SCHEMES)} followed by where it is")
        return cls(
            environ=ours,
            run=run,
            host=env.text("LAB_HOST"),
            port_base=env.integer("LAB_PORT_BASE"),
            state_dir=ROOT / env.text("LAB_STATE_DIR"),
            redis_url=redis_url,
            transport=env.text("LAB_TRANSPORT"),
            fsync=env.text("LAB_FSYNC"),
            workers=env.integer("LAB_WORKERS"),
            ingest_processes=env.integer("LAB_INGEST_PROCESSES"),
            servers=env.integer("LAB_SERVERS"),
            rate=env.number("LAB_RATE"),
            seed=env.integer("LAB_SEED"),
            token=env.token(),
            hostnames=env.hostnames(),
            tls=env.switch("LAB_TLS"),
        )

    def at(self, port_base: int) -> Settings:
        """The same lab on another block of ports."""
        return replace(self, port_base=port_base)

    @property
    def run_dir(self) -> Path:
        """Logs, events and the store of this run."""
        return self.state_dir / self.run

    @property
    def client_host(self) -> str:
        """How clients on this machine reach the lab, as it stands in a URL."""
        return _WILDCARDS.get(self.host) or (f"[{self.host}]" if ":" in self.host else self.host)

    @property
    def urls(self) -> dict[str, str]:
        """Where each part of the lab is, for clients on this machine."""
        secure = "s" if self.tls else ""
        http, ws = f"http{secure}://{self.client_host}", f"ws{secure}://{self.client_host}"
        base = self.port_base
        return {
            "dashboard": f"{http}:{base}/",
            "ingest": f"{http}:{base + 1}",
            "fanout": f"{http}:{base + 2}",
            "feed_a": f"{ws}:{base + 2}/v1/feed",
            "pipeline_b": f"{ws}:{base + 3}",
            "feed_b": f"{ws}:{base + 3}/v1/feed",
            "pipeline_b_http": f"{http}:{base + 3}",
            "fleet": f"{http}:{base + 4}",
        }

    def child_environ(self, process_name: str, redis_url: str) -> dict[str, str]:
        """The environment of one child: this process's own without its `LAB_…`, and the settings."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("LAB_")}
        urls = self.urls
        return (
            inherited
            | {"NO_PROXY": "*", "no_proxy": "*", "PYTHONUNBUFFERED": "1"}  # the lab talks to itself
            | dict(self.environ)
            | {
                "LAB_RUN": self.run,
                "LAB_PORT_BASE": str(self.port_base),
                "LAB_STATE_DIR": str(self.state_dir),
                "LAB_REDIS_URL": redis_url,
                "LAB_PROCESS_NAME": process_name,
                "LAB_INGEST_URL": urls["ingest"],
                "LAB_FANOUT_URL": urls["fanout"],
                "LAB_PIPELINE_B_URL": urls["pipeline_b"],
                "LAB_FLEET_URL": urls["fleet"],
                "LAB_FAULTS": "off",  # here the supervisor acts; this is for containers
            }
        )


def read_dotenv(path: Path) -> dict[str, str]:
    """The `LAB_…` lines of a `.env` file (`NAME=text`, quotes and comments allowed); empty where there is none.

    Raises:
        ConfigError: The file cannot be read, or a line that starts with `LAB_` is not `NAME=text`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text.startswith("LAB_"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{path.name}, line {number}: expected NAME=text")
        value = value.strip()
        if value[:1] in ("'", '"') and value.endswith(value[:1]) and len(value) > 1:
            value = value[1:-1]
        else:
            value = re.split(r"\s+#", value, maxsplit=1)[0]
        found[name.strip()] = value
    return found


def command_environ(flags: Mapping[str, str] | None = None) -> dict[str, str]:
    """The `LAB_…` settings of a command: `.env`, over it the environment, over both the flags."""
    ours = {name: text for name, text in os.environ.items() if name.startswith("LAB_")}
    return read_dotenv(ROOT / ".env") | ours | dict(flags or {})


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """One line for each `LAB_…` variable that no part of the lab reads: most likely a slip of the pen."""
    known = [*VARIABLES, *OWN_VARIABLES, *BOOTSTRAP_VARIABLES]
    lines = []
    for name in sorted(environ):
        if name.startswith("LAB_") and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            lines.append(f"{name} is not a setting" + (f"; did you mean {nearest[0]}?" if nearest else ""))
    return lines

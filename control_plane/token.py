"""`token`: a guest's token that expires by itself; and the token that `up` makes where others could reach the lab.

The lab's own token is written nowhere: not into the state folder, not into a log. Who starts `up` sees it once, and
gives it to other commands in the environment (`LAB_TOKEN`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote

import click

from control_plane.settings import Settings, command_environ
from control_plane.state import read_record
from lab_runtime.tokens import expiry_s, make_token, sign
from metrics_core.errors import ConfigError, LabError

LONGEST_S: Final = 30 * 86_400
WEAK_BELOW: Final = 16  # characters
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)\s*([smhd])", re.ASCII)


class Duration(click.ParamType[float]):
    """A length of time with its unit: 90s, 30m, 2h, 1d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The length in seconds."""
        match = _DURATION.fullmatch(str(value).strip().lower())
        seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if not 1 <= seconds <= LONGEST_S:
            self.fail("expected 1s to 30d, such as 90s, 30m, 2h or 1d", param, ctx)
        return seconds


@click.command("token", short_help="A token for guests that expires by itself.")
@click.option("--for", "for_s", type=Duration(), default="2h", show_default=True, metavar="TIME")
def token(for_s: float) -> None:
    """Print a token that the running lab accepts for a while, everywhere.

    Needs the lab's own token in LAB_TOKEN (`up` prints it, or it stands in .env). One cannot be taken back before it
    expires, unless LAB_TOKEN is changed and the lab restarted.
    """
    settings = Settings.from_environ(command_environ())
    master = settings.token
    if not master:
        raise LabError("LAB_TOKEN is not set here: set it to the lab's token, which `up` shows at its start")
    if expiry_s(master) is not None:
        raise LabError("LAB_TOKEN holds a guest's token, which cannot sign another: set it to the lab's own")
    expires_s = int(time.time() + for_s)
    guest = sign(master, expires_s)
    record = read_record(settings.state_dir)
    url = record.urls["dashboard"] if record else settings.urls["dashboard"]
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(expires_s))
    click.echo(f"accepted until {until}; the page: {with_token(url, guest)}", err=True)
    click.echo(guest)


def with_token(url: str, token: str) -> str:
    """A link to the page with the token in the fragment, which browsers keep to themselves."""
    return url + (f"#token={quote(token, safe='')}" if token else "")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address (a name other than `localhost` may be anything)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def guarded_environ(environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The settings with a token wherever others could reach the lab.

    Args:
        environ: `LAB_…` settings.

    Returns:
        The settings, and what the user must know about the token (empty: nothing).

    Raises:
        ConfigError: LAB_TOKEN is a guest's token.
    """
    host, token = (environ.get(name, "").strip() for name in ("LAB_HOST", "LAB_TOKEN"))
    if expiry_s(token) is not None:
        raise ConfigError("LAB_TOKEN holds a guest's token; a lab needs one of its own (empty: one is made)")
    if not host or is_loopback(host):
        return dict(environ), ""
    if not token:
        made = "others can reach this lab: a token was made for this run; other commands get it by LAB_TOKEN"
        return {**environ, "LAB_TOKEN": make_token()}, made
    weak = (
        f"LAB_TOKEN is shorter than {WEAK_BELOW} characters, and others can reach this lab: it can be guessed"
    )
    return dict(environ), weak if len(token) < WEAK_BELOW else ""

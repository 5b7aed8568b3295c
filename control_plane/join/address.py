"""Where phones find the lab: the link, and the same as a QR code.

The link holds a token that is good for joining only, and expires; a lab without a token has a link without one. It
stays the same for an hour, so that the code on the wall does not change under a class's cameras.
"""

from __future__ import annotations

import io
import socket
from typing import Final

import segno

from control_plane.token import is_loopback, with_token
from lab_runtime.guards import WILDCARDS
from lab_runtime.tokens import JOIN_KIND, sign

PATH: Final = "/join"
_HOUR_S: Final = 3_600
_HOURS_GOOD: Final = 4
_ANYWHERE: Final = ("192.0.2.1", 9)
"""An address of nobody (RFC 5737): to ask which way a packet would leave. None is sent."""

ON_LOOPBACK: Final = (
    "this lab listens on this machine only; phones reach one that was started with --host 0.0.0.0"
)


def join_token(master: str, now_s: float) -> str:
    """A token for joining, good for three to four hours; empty where the lab asks for none."""
    if not master:
        return ""
    return sign(master, (int(now_s) // _HOUR_S + _HOURS_GOOD) * _HOUR_S, JOIN_KIND)


def phones_host(asked: str, listens_on: str, in_container: bool) -> str:
    """The host by which phones reach the lab, as it stands in a URL.

    Args:
        asked: The host by which the dashboard was asked.
        listens_on: `LAB_HOST`.
        in_container: Whether that is an address inside a container, which tells nothing of where it is published.
    """
    if not _is_near(asked) or in_container or is_loopback(listens_on):
        return asked
    if listens_on not in WILDCARDS:
        return f"[{listens_on}]" if ":" in listens_on else listens_on
    return own_address() or asked


def reaches_phones(host: str) -> bool:
    """Whether a host, as it stands in a URL, means more than this machine."""
    return not _is_near(host)


def join_url(base: str, token: str) -> str:
    """The link: `base` is scheme, host and port."""
    return with_token(f"{base}{PATH}", token)


def own_address() -> str:
    """The IPv4 address by which this machine reaches others; empty where it reaches none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_ANYWHERE)
        except OSError:
            return ""
        return str(asking.getsockname()[0])


def qr_code(url: str) -> bytes:
    """The link as a QR code (ISO/IEC 18004), an SVG that is as large as the page makes it."""
    out = io.BytesIO()
    segno.make(url, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, omitsize=True, border=4, dark="#000", light="#fff", svgns=True
    )
    return out.getvalue()


def _is_near(host: str) -> bool:
    return is_loopback(host.removeprefix("[").removesuffix("]"))

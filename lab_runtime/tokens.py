"""Bearer tokens: the lab's own, and tokens for guests that expire by themselves.

::

    Authorization: Bearer <the lab's token>                      LAB_TOKEN, compared in constant time
    Authorization: Bearer lab1.<expiry, s since 1970>.<mac>      mac: HMAC-SHA256 (RFC 2104) of `lab1.<expiry>`

A guest's token needs no list anywhere: whoever knows the lab's token can make one and check one, so every process
takes it at once, and a restart changes nothing. The price: one cannot be taken back before it expires; change
LAB_TOKEN for that. Who holds a guest's token can guess at a weak LAB_TOKEN offline: `up` makes one of 128 bits.

Not here: which requests need a token (`guards.py`), the command that makes one (`control_plane/token.py`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from metrics_core.errors import Unauthorized

KIND: Final = "lab1"
MADE_BYTES: Final = 16
NEEDED: Final = "a bearer token is needed"
EXPIRED: Final = "this token has expired; a new one is made by `python3 lab.py token --for 2h`"
_LONGEST: Final = 4_096  # bytes of an offered token that are looked at
_EXPIRY_DIGITS: Final = 12


def make_token() -> str:
    """A new token of 128 random bits, fit for a header and a URL."""
    return secrets.token_urlsafe(MADE_BYTES)


def sign(master: str, expires_s: int) -> str:
    """A guest's token.

    Args:
        master: The lab's token.
        expires_s: Seconds since 1970 from which on it is refused.
    """
    claim = f"{KIND}.{expires_s}"
    mac = hmac.new(master.encode(), claim.encode(), hashlib.sha256).digest()
    return f"{claim}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def expiry_s(offered: str) -> int | None:
    """When an offered token says that it expires, seconds since 1970; None where it is not of a guest's form."""
    kind, _, rest = offered.partition(".")
    expiry, dot, _ = rest.partition(".")
    if (
        kind != KIND
        or not dot
        or not expiry.isascii()
        or not expiry.isdecimal()
        or len(expiry) > _EXPIRY_DIGITS
    ):
        return None
    return int(expiry)


class Tokens:
    """Says whether an offered token is good.

    Args:
        master: The lab's token; empty: none is asked for.
    """

    __slots__ = ("_bearer", "_master")

    def __init__(self, master: str) -> None:
        self._master = master
        self._bearer = f"Bearer {master}".encode()

    def __repr__(self) -> str:
        return f"Tokens({'asked for' if self._master else 'none'})"

    @property
    def needed(self) -> bool:
        """Whether a token is asked for at all."""
        return bool(self._master)

    def expiry_s(self, authorization: bytes) -> float | None:
        """When the token of a request that was let in expires; None: never."""
        if not self._master or hmac.compare_digest(authorization, self._bearer):
            return None
        return expiry_s(_offered(authorization))

    def fault(self, authorization: bytes, now_s: float) -> Unauthorized | None:
        """Why a request is refused, if it is.

        Args:
            authorization: The `Authorization` header, empty where there is none.
            now_s: Seconds since 1970.
        """
        if not self._master or hmac.compare_digest(authorization, self._bearer):
            return None
        offered = _offered(authorization)
        expires_s = expiry_s(offered)
        if expires_s is None or not hmac.compare_digest(
            offered.encode("latin-1"), sign(self._master, expires_s).encode()
        ):
            return Unauthorized(NEEDED)
        return Unauthorized(EXPIRED) if now_s >= expires_s else None


def _offered(authorization: bytes) -> str:
    """The token in a header; empty where it carries none."""
    scheme, _, offered = authorization[:_LONGEST].decode("latin-1").partition(" ")
    return offered if scheme == "Bearer" else ""

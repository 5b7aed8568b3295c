"""Bearer tokens: the lab's own, and tokens for guests that expire by themselves.

::

    Authorization: Bearer <the lab's token>                      LAB_TOKEN, compared in constant time
    Authorization: Bearer lab1.<expiry, s since 1970>.<mac>      mac: HMAC-SHA256 (RFC 2104) of `lab1.<expiry>`
    Authorization: Bearer join1.<expiry, s since 1970>.<mac>     the same, and only good for joining as a phone

A guest's token needs no list anywhere: whoever knows the lab's token can make one and check one, so every process
takes it at once, and a restart changes nothing. The price: one cannot be taken back before it expires; change
LAB_TOKEN for that. Who holds a guest's token can guess at a weak LAB_TOKEN offline: `up` makes one of 128 bits.
A token for joining opens the few doors that a phone needs (`guards.py` asks for it there), and no other.

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
JOIN_KIND: Final = "join1"
_KINDS: Final = (KIND, JOIN_KIND)
MADE_BYTES: Final = 16
NEEDED: Final = "a bearer token is needed"
JOINS_ONLY: Final = "this token is good for joining as a phone, and for nothing else"
EXPIRED: Final = "this token has expired; a new one is made by `python3 lab.py token --for 2h`"
_LONGEST: Final = 4_096  # bytes of an offered token that are looked at
_EXPIRY_DIGITS: Final = 12


def make_token() -> str:
    """A new token of 128 random bits, fit for a header and a URL."""
    return secrets.token_urlsafe(MADE_BYTES)


def sign(master: str, expires_s: int, kind: str = KIND) -> str:
    """A guest's token.

    Args:
        master: The lab's token.
        expires_s: Seconds since 1970 from which on it is refused.
        kind: `KIND` for everything, `JOIN_KIND` for joining as a phone.
    """
    claim = f"{kind}.{expires_s}"
    mac = hmac.new(master.encode(), claim.encode(), hashlib.sha256).digest()
    return f"{claim}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def expiry_s(offered: str) -> int | None:
    """When an offered token says that it expires, seconds since 1970; None where it is not of a guest's form."""
    kind, _, rest = offered.partition(".")
    expiry, dot, _ = rest.partition(".")
    if (
        kind not in _KINDS
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

    def joins(self, authorization: bytes) -> bool:
        """Whether a request that was let in has a token for joining only."""
        return bool(self._master) and authorization != self._bearer and _kind(authorization) == JOIN_KIND

    def fault(self, authorization: bytes, now_s: float, *, joining: bool = False) -> Unauthorized | None:
        """Why a request is refused, if it is.

        Args:
            authorization: The `Authorization` header, empty where there is none.
            now_s: Seconds since 1970.
            joining: Whether a token for joining is enough here.
        """
        if not self._master or hmac.compare_digest(authorization, self._bearer):
            return None
        offered = _offered(authorization)
        expires_s = expiry_s(offered)
        if expires_s is None or not hmac.compare_digest(
            offered.encode("latin-1"), sign(self._master, expires_s, offered.partition(".")[0]).encode()
        ):
            return Unauthorized(NEEDED)
        if now_s >= expires_s:
            return Unauthorized(EXPIRED)
        return Unauthorized(JOINS_ONLY) if self.joins(authorization) and not joining else None


def _kind(authorization: bytes) -> str:
    return _offered(authorization).partition(".")[0]


def _offered(authorization: bytes) -> str:
    """The token in a header; empty where it carries none."""
    scheme, _, offered = authorization[:_LONGEST].decode("latin-1").partition(" ")
    return offered if scheme == "Bearer" else ""

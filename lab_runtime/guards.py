"""The guards at every door of the lab: which host was meant, which page asks, who asks. The one place for such checks.

In this order, before any handler; the first that fails gives the answer, in the same words on every port:

    Host            one of the lab's names, else 421    a foreign page that rebinds its name to this address still
                                                        sends that name
    Origin          the lab's own page, else 403        only browsers send it; absent is fine, `null` is foreign.
                                                        WebSockets have no same-origin rule of their own
    Authorization   the token, else 401                 where a token is set (`tokens.py`); one for joining as a
                                                        phone opens only the doors that ask for no more

`OPS_PATHS` are free of all three: probes and collectors ask them under any name, and they tell nothing secret.

On a wildcard address (`--host 0.0.0.0`) every numeric host is fine, since only names can be rebound; and so is a page
from that same numeric host and the dashboard's port: the browser loaded it from there.

Not here: how much may come (`metrics_core/rate_limit.py`), what a body holds.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import psutil

from lab_runtime.env import Env
from lab_runtime.tokens import Tokens
from metrics_core.errors import RemoteFault, Unauthorized

OPS_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
ANY_IPV4: Final = "0.0.0.0"  # compared with, not bound  # nosec B104
WILDCARDS: Final = frozenset({ANY_IPV4, "::"})
_LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_REMEMBERED: Final = 64

RawHeaders = Iterable[tuple[bytes, bytes]]
"""Names in lower case, as ASGI gives them."""

App = Callable[[Any, Any, Any], Awaitable[None]]


class Misdirected(RemoteFault):
    """The request names a host that is not this lab (RFC 9110, section 15.5.20)."""

    error, status = "misdirected", 421


class ForeignOrigin(RemoteFault):
    """A page of somebody else asks."""

    error, status = "forbidden", 403


MISDIRECTED: Final = "this host name is not one of the lab's; use 127.0.0.1, localhost, or set LAB_HOSTNAMES"
FOREIGN: Final = "this origin is not the lab's dashboard"


class Guards:
    """Says why a request is refused, if it is. One per process.

    Args:
        listens_on: `LAB_HOST`.
        page_port: Port of the dashboard as browsers see it.
        token: `LAB_TOKEN`; empty: none asked for.
        names: Further host names of this lab (`LAB_HOSTNAMES`).
        now_s: The clock, seconds since 1970.
    """

    def __init__(  # an empty token is none  # nosec B107
        self,
        listens_on: str = "127.0.0.1",
        page_port: int = 8765,
        token: str = "",
        names: Iterable[str] = (),
        now_s: Callable[[], float] = time.time,
    ) -> None:
        ours = f"[{listens_on}]" if ":" in listens_on else listens_on
        self._any_number = listens_on in WILDCARDS
        self._names = {name.lower() for name in (*_LOCAL_NAMES, ours, *names)}
        if self._any_number:
            self._names |= {socket.gethostname().lower()}
        self._page_port = page_port
        self._origins = _origins(self._names | (_own_addresses() if self._any_number else set()), page_port)
        self._tokens = Tokens(token)
        self._now_s = now_s
        self.good_hosts: set[bytes] = set()
        """`Host` headers that were found good; a look here spares the rest. Bounded."""

    def __repr__(self) -> str:
        return f"Guards({sorted(self._names)}, {self._tokens})"

    @classmethod
    def from_env(cls, env: Env) -> Guards:
        """The guards that the settings ask for.

        Raises:
            ConfigError: A setting does not hold what it may hold.
        """
        names = env.hostnames()
        return cls(env.text("LAB_HOST"), env.published_port(0), env.token(), names)

    def host_is_ours(self, host: str) -> bool:
        """Whether a `Host` header, with or without a port, names this lab."""
        name = _without_port(host)
        return name in self._names or (self._any_number and _is_number(name))

    def origin_is_ours(self, origin: str, host: str) -> bool:
        """Whether an `Origin` is the lab's page, for a request to `host`."""
        if origin.lower() in self._origins:
            return True
        if not self._any_number:
            return False
        try:
            page = urlsplit(origin)
            port = page.port
        except ValueError:
            return False
        name = _without_port(page.netloc)
        from_here = port == self._page_port and name == _without_port(host) and _is_number(name)
        return from_here and origin.lower() == f"{page.scheme}://{page.netloc.lower()}"

    def host_fault(self, host: bytes) -> RemoteFault | None:
        """Why a `Host` header (empty: there is none) is refused, if it is."""
        if not self.host_is_ours(host.decode("latin-1")):
            return Misdirected(MISDIRECTED)
        if len(self.good_hosts) < _REMEMBERED:
            self.good_hosts.add(host)
        return None

    def origins_fault(self, origins: Iterable[bytes], host: bytes) -> RemoteFault | None:
        """Why the `Origin` headers of a request to `host` are refused, if they are."""
        named = host.decode("latin-1")
        ours = all(self.origin_is_ours(origin.decode("latin-1"), named) for origin in origins)
        return None if ours else ForeignOrigin(FOREIGN)

    def token_fault(self, authorization: bytes, *, joining: bool = False) -> RemoteFault | None:
        """Why an `Authorization` header (empty: there is none) is refused, if it is; `joining`: as in `fault`."""
        return self._tokens.fault(authorization, self._now_s(), joining=joining)

    def joins(self, authorization: bytes) -> bool:
        """Whether the header of an accepted request only lets join as a phone."""
        return self._tokens.joins(authorization)

    def expiry_s(self, headers: RawHeaders) -> float | None:
        """When the token of an accepted request expires, seconds since 1970; None: it is the lab's own, or none."""
        return self._tokens.expiry_s(authorization_of(headers))

    def fault(self, headers: RawHeaders, *, needs_token: bool, joining: bool = False) -> RemoteFault | None:
        """Why a request is refused, if it is: all three checks.

        Args:
            headers: Of the request.
            needs_token: Whether this door asks for a token.
            joining: Whether a token for joining as a phone is enough here.
        """
        hosts, origins, authorization = [], [], b""
        for name, value in headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"authorization":
                authorization = value
        for host in hosts or [b""]:
            if fault := self.host_fault(host) or self.origins_fault(origins, host):
                return fault
        return self.token_fault(authorization, joining=joining) if needs_token else None


class GuardedApp:
    """ASGI middleware: nothing reaches the application that a guard refuses. Refuses every WebSocket, too.

    Args:
        app: What is guarded.
        guards: The checks.
        needs_token: Which paths ask for the token.
        on_its_own: Methods and paths whose handler asks the guards itself (it must take a body before it answers).
        joining: Paths for which a token for joining as a phone is enough.
    """

    def __init__(
        self,
        app: App,
        guards: Guards,
        needs_token: Callable[[str], bool],
        on_its_own: frozenset[tuple[str, str]] = frozenset(),
        joining: frozenset[str] = frozenset(),
    ) -> None:
        self._app, self._joining = app, joining
        self._guards = guards
        self._needs_token = needs_token
        self._on_its_own = on_its_own

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or let the app answer."""
        if (
            scope["type"] == "websocket"
        ):  # served by `websockets` on other ports; Hypercorn's own inflates bombs
            await send({"type": "websocket.close"})
            return
        fault = self._fault(scope) if scope["type"] == "http" else None
        if fault:
            await _answer(send, fault)
        else:
            await self._app(scope, receive, send)

    def _fault(self, scope: Any) -> RemoteFault | None:
        path: str = scope["path"]
        if path in OPS_PATHS or (scope["method"], path) in self._on_its_own:
            return None
        needed = self._needs_token(path)
        return self._guards.fault(scope["headers"], needs_token=needed, joining=path in self._joining)


def authorization_of(headers: RawHeaders) -> bytes:
    """The `Authorization` header, empty where there is none."""
    return next((value for name, value in headers if name == b"authorization"), b"")


def challenge(fault: RemoteFault) -> dict[str, str]:
    """The headers that a refusal carries besides those of its body."""
    if isinstance(fault, Unauthorized):
        return {"www-authenticate": "Bearer"}
    return {"retry-after": str(fault.retry_after_s)} if fault.retry_after_s else {}


async def _answer(send: Any, fault: RemoteFault) -> None:
    body = orjson.dumps(fault.as_dict())
    headers = {"content-type": "application/json", "content-length": str(len(body))} | challenge(fault)
    encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _origins(names: Iterable[str], page_port: int) -> frozenset[str]:
    """Origins of the lab's page under these names; a browser leaves out a scheme's own port."""
    usual = {"http": 80, "https": 443}
    return frozenset(
        f"{scheme}://{name}" + ("" if page_port == port else f":{page_port}")
        for name in names
        for scheme, port in usual.items()
    )


def _own_addresses() -> set[str]:
    """The numeric IPv4 addresses of this machine."""
    found = {address.address for card in psutil.net_if_addrs().values() for address in card}
    return {address for address in found if _is_number(address) and ":" not in address}


def _without_port(host: str) -> str:
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower()


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return False
    return True

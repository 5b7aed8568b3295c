"""The guards: tables of hosts, origins and tokens; the order of the checks; nothing reaches an app unguarded."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import orjson
import pytest

from lab_runtime.env import Env
from lab_runtime.guards import FOREIGN, MISDIRECTED, OPS_PATHS, GuardedApp, Guards
from lab_runtime.tokens import EXPIRED, NEEDED, sign

HERE = (b"host", b"127.0.0.1:8766")
PAGE = (b"origin", b"http://127.0.0.1:8765")
TOKEN = (b"authorization", b"Bearer secret")


# -- hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8765",
        "localhost:8765",
        "LOCALHOST",
        "[::1]:8765",
        "[::1]",
        "127.0.0.1",
        "localhost:1",
        "[::1]:",
    ],
)
def test_this_machine_is_ours(host: str) -> None:
    assert Guards().host_is_ours(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":",
        ":8765",
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "10.0.0.5:8765",
        "localhost.evil:80",
        "localhost.",
        "127.1",
        "0.0.0.0",
        "::1",
        "127.0.0.1@evil.example",
        "127.0.0.1:80:80",
        "127.0.0.1 ",
        "[::1",
        "2130706433",
    ],
)
def test_another_name_is_not(host: str) -> None:
    assert not Guards().host_is_ours(host)


def test_the_address_listened_on_is_ours() -> None:
    assert Guards("10.0.0.5").host_is_ours("10.0.0.5:8765")
    assert Guards("lab.local").host_is_ours("LAB.local:8765")
    assert Guards("fe80::1").host_is_ours("[fe80::1]:8765")


@pytest.mark.parametrize("listens_on", ["0.0.0.0", "::"])
def test_on_a_wildcard_numbers_are_fine_and_names_are_not(listens_on: str) -> None:
    guards = Guards(listens_on)
    assert guards.host_is_ours("192.168.1.7:8765")
    assert guards.host_is_ours("[fe80::1]:8765")
    assert guards.host_is_ours(f"{socket.gethostname()}:8765")
    for name in ("evil.example:8765", "1.2.3.4.evil.example", "2130706433", "0x7f.1", "[evil]", "1.2.3"):
        assert not guards.host_is_ours(name), name


def test_further_names_come_from_the_settings() -> None:
    guards = Guards.from_env(Env({"LAB_HOSTNAMES": "ingest, Lab.School.example"}))
    assert guards.host_is_ours("ingest:8766")
    assert guards.host_is_ours("lab.school.example")
    assert not guards.host_is_ours("school.example")


def test_good_hosts_are_remembered_up_to_a_bound() -> None:
    guards = Guards()
    assert guards.host_fault(b"evil.example") is not None
    for port in range(500):
        assert guards.host_fault(b"127.0.0.1:%d" % port) is None
    assert 0 < len(guards.good_hosts) <= 64
    assert all(host.startswith(b"127.0.0.1:") for host in guards.good_hosts)


# -- origins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:8765", "http://localhost:8765", "https://localhost:8765", "http://[::1]:8765"],
)
def test_the_labs_page_is_ours(origin: str) -> None:
    assert Guards().origin_is_ours(origin, "127.0.0.1:8768")


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:8766",
        "http://127.0.0.1:8765.evil.example",
        "http://evil.example:8765",
        "ftp://127.0.0.1:8765",
        "127.0.0.1:8765",
        "http://127.0.0.1:8765/",
        "http://192.168.1.7:8765",
        "http://127.0.0.1:8765, http://evil.example",
        "http://[::1:8765",
    ],
)
def test_any_other_page_is_foreign(origin: str) -> None:
    assert not Guards().origin_is_ours(origin, "127.0.0.1:8768")


def test_on_a_wildcard_a_page_is_ours_that_came_from_the_host_it_asks() -> None:
    guards = Guards("0.0.0.0")
    assert guards.origin_is_ours("http://192.168.1.7:8765", "192.168.1.7:8768")
    assert guards.origin_is_ours("http://[fd00::7]:8765", "[fd00::7]:8768")
    for origin in (
        "http://192.168.1.8:8765",
        "http://192.168.1.7:80",
        "http://192.168.1.7",
        "http://evil.example:8765",
        "http://x@192.168.1.7:8765",
        "http://192.168.1.7:8765/path",
        "http://192.168.1.7:x",
    ):
        assert not guards.origin_is_ours(origin, "192.168.1.7:8768"), origin
    assert not guards.origin_is_ours("http://evil.example:8765", "evil.example:8768")


def test_the_page_of_a_usual_port_has_none_in_its_origin() -> None:
    guards = Guards(page_port=443)
    assert guards.origin_is_ours("https://localhost", "localhost:8768")
    assert guards.origin_is_ours("http://localhost:443", "localhost:8768")
    assert not guards.origin_is_ours("http://localhost", "localhost:8768")


def test_in_a_container_the_pages_port_is_the_published_one() -> None:
    guards = Guards.from_env(Env({"LAB_HOST": "0.0.0.0", "LAB_PORT_DASHBOARD": "9000"}))
    assert guards.origin_is_ours("http://127.0.0.1:9000", "127.0.0.1:8768")
    assert not guards.origin_is_ours("http://127.0.0.1:8765", "127.0.0.1:8768")


# -- all three -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers, status, detail",
    [
        ([HERE, TOKEN], 0, ""),
        ([HERE, PAGE, TOKEN], 0, ""),
        ([TOKEN], 421, MISDIRECTED),
        ([(b"host", b"evil.example"), TOKEN], 421, MISDIRECTED),
        ([HERE, (b"host", b"evil.example"), TOKEN], 421, MISDIRECTED),
        ([(b"host", b"evil.example"), (b"origin", b"null")], 421, MISDIRECTED),
        ([HERE, (b"origin", b"null"), TOKEN], 403, FOREIGN),
        ([HERE, (b"origin", b""), TOKEN], 403, FOREIGN),
        ([HERE, PAGE, (b"origin", b"http://evil.example"), TOKEN], 403, FOREIGN),
        ([HERE, (b"origin", b"http://evil.example")], 403, FOREIGN),
        ([HERE, PAGE], 401, NEEDED),
        ([HERE, (b"authorization", b"Bearer wrong")], 401, NEEDED),
        ([HERE, (b"authorization", f"Bearer {sign('secret', 999)}".encode())], 401, EXPIRED),
        ([HERE, (b"authorization", f"Bearer {sign('secret', 1001)}".encode())], 0, ""),
        ([(b"host", b"\xff\xfe"), (b"origin", b"\xff"), (b"authorization", b"\xff")], 421, MISDIRECTED),
    ],
)
def test_host_then_origin_then_token(headers: list[tuple[bytes, bytes]], status: int, detail: str) -> None:
    fault = Guards(token="secret", now_s=lambda: 1_000.0).fault(headers, needs_token=True)
    assert (fault.status, fault.detail) == (status, detail) if fault else status == 0


def test_without_the_need_of_a_token_the_rest_still_holds() -> None:
    guards = Guards(token="secret")
    assert guards.fault([HERE], needs_token=False) is None
    assert guards.fault([HERE, (b"origin", b"null")], needs_token=False) is not None
    assert "secret" not in repr(guards)


def test_the_expiry_of_a_request() -> None:
    guards = Guards(token="secret")
    assert guards.expiry_s([HERE, (b"authorization", f"Bearer {sign('secret', 5)}".encode())]) == 5
    assert guards.expiry_s([HERE, TOKEN]) is None
    assert guards.expiry_s([HERE]) is None


# -- before an application -------------------------------------------------------------------------------------------


def ask(path: str, headers: list[tuple[bytes, bytes]], kind: str = "http", method: str = "GET") -> list[Any]:
    """What is sent, and whether the application was reached."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("reached")

    async def send(message: Any) -> None:
        sent.append(message)

    guarded = GuardedApp(
        app, Guards(token="secret"), lambda path: path != "/page", frozenset({("POST", "/own")})
    )
    asyncio.run(guarded({"type": kind, "path": path, "method": method, "headers": headers}, None, send))
    return sent


def test_nothing_reaches_the_application_that_a_guard_refuses() -> None:
    start, body = ask("/api", [HERE])
    assert (start["status"], dict(start["headers"])[b"www-authenticate"]) == (401, b"Bearer")
    assert orjson.loads(body["body"]) == {"error": "unauthorized", "detail": NEEDED}
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert ask("/api", [(b"host", b"evil.example"), TOKEN])[0]["status"] == 421
    assert ask("/api", [HERE, (b"origin", b"null"), TOKEN])[0]["status"] == 403
    assert ask("/api", [HERE, TOKEN]) == ["reached"]


def test_a_page_needs_no_token_but_the_right_host() -> None:
    assert ask("/page", [HERE]) == ["reached"]
    assert ask("/page", [(b"host", b"evil.example")])[0]["status"] == 421


@pytest.mark.parametrize("path", sorted(OPS_PATHS))
def test_probes_are_free(path: str) -> None:
    assert ask(path, [(b"host", b"anything")]) == ["reached"]


def test_a_handler_that_asks_for_itself_is_reached_by_its_method_only() -> None:
    assert ask("/own", [], method="POST") == ["reached"]
    assert ask("/own", [], method="GET")[0]["status"] == 421


def test_websockets_are_refused_and_the_lifespan_passes() -> None:
    assert ask("/api", [HERE, TOKEN], kind="websocket") == [{"type": "websocket.close"}]
    assert ask("", [], kind="lifespan") == ["reached"]

"""`up --tls`: every port speaks TLS, HTTP/2 by ALPN; the lab's CA is trusted and no other; both feeds move."""

from __future__ import annotations

import socket
import ssl

import httpx2
import pytest

from control_plane.feed_client import until_moving
from tests.support.guarded_lab import TOKEN, GuardedLab

PARTS = ("dashboard", "ingest", "fanout", "pipeline_b_http", "fleet")


def handshake(lab: GuardedLab, part: str, context: ssl.SSLContext, name: str = "127.0.0.1") -> ssl.SSLSocket:
    port = httpx2.URL(lab.record.urls[part]).port
    assert port
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20), server_hostname=name)


@pytest.mark.parametrize("part", PARTS)
def test_a_port_speaks_tls_and_nothing_else(guarded_lab: GuardedLab, part: str) -> None:
    for name in ("127.0.0.1", "localhost", socket.gethostname()):
        with handshake(guarded_lab, part, guarded_lab.context, name) as secure:
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(guarded_lab, part, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(guarded_lab, part, guarded_lab.context, "evil.example")
    plain = guarded_lab.record.urls[part].replace("https:", "http:")
    with httpx2.Client(trust_env=False, timeout=20) as client, pytest.raises(httpx2.HTTPError):
        client.get(f"{plain.rstrip('/')}/readyz")


@pytest.mark.parametrize(
    "offered, chosen, version",
    [(["h2", "http/1.1"], "h2", "HTTP/2"), (["http/1.1"], "http/1.1", "HTTP/1.1"), ([], None, "HTTP/1.1")],
)
def test_the_ingest_chooses_by_alpn(
    guarded_lab: GuardedLab, offered: list[str], chosen: str | None, version: str
) -> None:
    context = ssl.create_default_context(cafile=guarded_lab.files.ca)
    if offered:
        context.set_alpn_protocols(offered)
    with handshake(guarded_lab, "ingest", context) as secure:
        assert secure.selected_alpn_protocol() == chosen
    with guarded_lab.client(http2=version == "HTTP/2") as client:
        answer = client.get(f"{guarded_lab.record.urls['ingest']}/readyz")
    assert (answer.status_code, answer.http_version) == (200, version)


async def test_both_feeds_move(guarded_lab: GuardedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STATE_DIR", str(guarded_lab.state_dir))
    for feed in ("feed_a", "feed_b"):
        snapshot = await until_moving(guarded_lab.record.urls[feed], TOKEN, 30)
        assert len(snapshot["producers"]) == 6


def test_the_fleet_speaks_both_versions(guarded_lab: GuardedLab) -> None:
    with guarded_lab.client() as client:
        url = f"{guarded_lab.record.urls['fleet']}/api/servers"
        servers = client.get(url, headers={"authorization": f"Bearer {TOKEN}"}).json()["servers"]
    links = [link for server in servers for link in server["pipelines"].values()]
    assert {link["transport"] for link in links} == {"http1", "http2", "websocket"}
    assert all(link["connected"] for link in links)


def test_the_page_comes_with_its_security_headers(guarded_lab: GuardedLab) -> None:
    with guarded_lab.client() as client:
        answer = client.get(guarded_lab.record.urls["dashboard"])
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "wss:" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"<!doctype html>" in answer.content.lower()


def test_other_commands_find_their_way(guarded_lab: GuardedLab) -> None:
    lab = guarded_lab.process
    ledger = lab.run("ledger")
    assert ledger.returncode == 0, ledger.stderr
    shown = "".join(lab.run("doctor").stdout.split())
    assert "developmentCAin" in shown
    assert "--cacert" in shown
    load = lab.run("load", "http1", "--rate", "10", "--duration", "1")
    assert load.returncode == 2
    assert "load speaks no TLS" in load.stderr
    assert str(guarded_lab.files.ca) in lab.said()

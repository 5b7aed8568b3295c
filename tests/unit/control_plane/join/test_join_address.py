"""Where phones find the lab: the host of the link, its token, and the code."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import segno

from control_plane.join import address
from control_plane.join.address import join_token, join_url, phones_host, qr_code, reaches_phones
from lab_runtime.tokens import Tokens, expiry_s

NOW_S = 1_766_000_000.0


@pytest.mark.parametrize(
    "asked, listens_on, in_container, host",
    [
        ("192.168.1.5", "0.0.0.0", False, "192.168.1.5"),  # the page is there already
        ("lab.example", "0.0.0.0", True, "lab.example"),
        ("127.0.0.1", "127.0.0.1", False, "127.0.0.1"),
        ("localhost", "192.168.1.5", False, "192.168.1.5"),
        ("127.0.0.1", "0.0.0.0", False, "10.0.0.9"),
        ("127.0.0.1", "0.0.0.0", True, "127.0.0.1"),  # an address inside a container helps nobody
        ("[::1]", "fd00::2", False, "[fd00::2]"),
    ],
)
def test_the_host_is_one_that_phones_reach(
    monkeypatch: pytest.MonkeyPatch, asked: str, listens_on: str, in_container: bool, host: str
) -> None:
    monkeypatch.setattr(address, "own_address", lambda: "10.0.0.9")
    assert phones_host(asked, listens_on, in_container) == host


def test_a_machine_without_a_network_shows_what_it_was_asked_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "own_address", lambda: "")
    assert phones_host("127.0.0.1", "0.0.0.0", False) == "127.0.0.1"


def test_loopback_reaches_no_phone() -> None:
    reached = [reaches_phones(host) for host in ("127.0.0.1", "localhost", "[::1]", "10.0.0.9", "lab")]
    assert reached == [False, False, False, True, True]


def test_the_token_stays_for_an_hour_and_is_good_for_three_at_least() -> None:
    token = join_token("master", NOW_S)
    assert join_token("", NOW_S) == ""
    assert join_token("master", NOW_S + 60) == token
    assert 3 * 3_600 <= (expiry_s(token) or 0) - NOW_S <= 4 * 3_600
    offered = f"Bearer {token}".encode()
    assert Tokens("master").fault(offered, NOW_S, joining=True) is None
    assert Tokens("master").fault(offered, NOW_S) is not None


def test_the_link_carries_the_token_where_browsers_keep_it_to_themselves() -> None:
    assert join_url("http://10.0.0.9:8765", "") == "http://10.0.0.9:8765/join"
    assert join_url("http://10.0.0.9:8765", "a.b") == "http://10.0.0.9:8765/join#token=a.b"


def test_the_code_is_an_svg_of_exactly_this_link() -> None:
    url = join_url("http://192.168.100.200:8765", join_token("master", NOW_S))
    drawn = ET.fromstring(qr_code(url))
    side = len(segno.make(url, error="m", micro=False).matrix) + 2 * 4
    assert drawn.attrib["viewBox"].split() == ["0", "0", str(side), str(side)]
    assert qr_code(url) == qr_code(url) != qr_code(url + "x")

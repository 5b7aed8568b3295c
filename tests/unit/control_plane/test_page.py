from __future__ import annotations

import pytest

from control_plane.page import chart_js_path, host_is_ours


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "[::1]", "127.0.0.1"]
)
def test_this_machine_is_ours(host: str) -> None:
    assert host_is_ours(host, "127.0.0.1")


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.5:8765", "localhost.evil:80"],
)
def test_another_name_is_not(host: str) -> None:
    assert not host_is_ours(host, "127.0.0.1")


def test_the_address_listened_on_is_ours() -> None:
    assert host_is_ours("10.0.0.5:8765", "10.0.0.5")
    assert host_is_ours("lab.local:8765", "lab.local")
    assert host_is_ours("[fe80::1]:8765", "fe80::1")


def test_on_a_wildcard_numbers_are_fine_and_names_are_not() -> None:
    assert host_is_ours("192.168.1.7:8765", "0.0.0.0")
    assert host_is_ours("[fe80::1]:8765", "::")
    assert not host_is_ours("evil.example:8765", "0.0.0.0")


def test_chart_js_is_the_installed_one() -> None:
    path = chart_js_path()
    assert path is not None
    assert b"Chart.js v4" in path.read_bytes()[:200]

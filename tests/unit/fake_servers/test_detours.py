"""Where the fleet may be led through a proxy: on this machine, in containers also to a private address."""

from __future__ import annotations

import pytest

from fake_servers.control_faults import local_netloc, private_netloc
from metrics_core.errors import SchemaViolation

LOCAL = ["http://127.0.0.1:1234", "ws://localhost:80", "http://[::1]:9"]
PRIVATE = ["http://172.18.0.5:1234", "ws://10.0.0.1:80", "http://192.168.1.1:1", "http://[fd00::1]:9"]
ELSEWHERE = [
    "http://8.8.8.8:80",
    "http://example.com:80",
    "http://dashboard:80",
    "http://127.0.0.1",
    "nonsense",
    "",
]


@pytest.mark.parametrize("url", LOCAL)
def test_this_machine_is_fine_everywhere(url: str) -> None:
    assert local_netloc(url) == private_netloc(url) == url.partition("//")[2]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_fine_in_containers_only(url: str) -> None:
    assert private_netloc(url) == url.partition("//")[2]
    with pytest.raises(SchemaViolation, match="loopback"):
        local_netloc(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_nowhere_else(url: str) -> None:
    with pytest.raises(SchemaViolation, match="loopback"):
        local_netloc(url)
    with pytest.raises(SchemaViolation, match="private"):
        private_netloc(url)

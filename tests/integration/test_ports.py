from __future__ import annotations

import socket

import pytest

from control_plane.ports import free_block, port_is_free, taken_ports
from metrics_core.errors import ConfigError

HOST = "127.0.0.1"
BASE = 23_600


def test_a_free_block_is_taken_as_asked() -> None:
    base = free_block(HOST, BASE)
    assert taken_ports(HOST, base) == []


def test_one_taken_port_of_five_moves_the_block() -> None:
    base = free_block(HOST, BASE)
    with socket.create_server((HOST, base + 4)):
        assert taken_ports(HOST, base) == [base + 4]
        assert free_block(HOST, base) >= base + 5


def test_a_port_that_is_shared_by_others_is_taken() -> None:
    """An ingest of another lab listens with `SO_REUSEPORT`; beside it, half of its requests would be ours."""
    base = free_block(HOST, BASE)
    with socket.create_server((HOST, base), reuse_port=True):
        assert not port_is_free(HOST, base)


def test_ipv6() -> None:
    base = free_block("::1", BASE)
    with socket.create_server(("::1", base), family=socket.AF_INET6):
        assert not port_is_free("::1", base)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"LAB_HOST=192\.0\.2\.1: cannot listen there"):
        free_block("192.0.2.1", BASE)


def test_no_block_up_to_the_last_port() -> None:
    with pytest.raises(ConfigError, match="no five free ports"):
        free_block(HOST, 65_535)

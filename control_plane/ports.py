"""Finding five free ports in a row, and listening on one."""

from __future__ import annotations

import errno
import socket

from control_plane.settings import PORTS
from metrics_core.errors import ConfigError

BLOCKS_TRIED = 200


def port_is_free(host: str, port: int) -> bool:
    """Whether a process could listen on the port now.

    Bound without `SO_REUSEPORT`: with it, the bind would succeed beside another lab's ingest and share its requests.

    Raises:
        ConfigError: The address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise ConfigError(f"LAB_HOST={host}: cannot listen there ({error.strerror or error})") from None
        return True


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket to serve on.

    Raises:
        ConfigError: The address or the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None


def taken_ports(host: str, base: int) -> list[int]:
    """Which of the five ports from `base` on cannot be had."""
    return [port for port in range(base, base + PORTS) if not port_is_free(host, port)]


def free_block(host: str, base: int) -> int:
    """The first base at or after `base`, in steps of five, whose five ports are all free.

    Raises:
        ConfigError: None of the next blocks is free.
    """
    for candidate in range(base, min(base + PORTS * BLOCKS_TRIED, 65_536 - PORTS), PORTS):
        if not taken_ports(host, candidate):
            return candidate
    raise ConfigError(f"LAB_PORT_BASE={base}: no five free ports from there on; choose another base")

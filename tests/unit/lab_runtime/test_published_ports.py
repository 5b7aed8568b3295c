from __future__ import annotations

import pytest

from lab_runtime.env import PUBLISHED_PORTS, Env
from metrics_core.errors import ConfigError


def test_without_compose_clients_use_the_ports_that_are_listened_on() -> None:
    env = Env({"LAB_PORT_BASE": "9000"})
    assert [env.published_port(offset) for offset in range(5)] == [9000, 9001, 9002, 9003, 9004]


def test_in_a_container_clients_use_what_is_published() -> None:
    env = Env({"LAB_PORT_BASE": "8765", "LAB_PORT_FEED_A": "25002"})
    assert env.port(2) == 8767
    assert env.published_port(2) == 25002
    assert env.published_port(3) == 8768


@pytest.mark.parametrize("text", ["0", "65536", "web", "-1", "1.5", "²"])
def test_a_wrong_port_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=f"LAB_PORT_DASHBOARD={text}: expected a port"):
        Env({"LAB_PORT_DASHBOARD": text}).published_port(0)


def test_the_defaults_are_the_ports_of_the_lab() -> None:
    assert [int(variable.default) for variable in PUBLISHED_PORTS.values()] == [
        Env({}).port(n) for n in range(5)
    ]

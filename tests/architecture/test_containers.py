"""What the compose file and the Dockerfile promise can be seen without an engine."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from lab_runtime.env import PUBLISHED_PORTS, VARIABLES
from tests.architecture.tree import PACKAGES, ROOT

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
ALL: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
SERVICES: Final = {name: service for name, service in ALL.items() if "profiles" not in service}
TOOLS: Final = {name: service for name, service in ALL.items() if "profiles" in service}
LASTING: Final = sorted(set(SERVICES) - {"url"})
LIMIT_MB: Final = 1024
SET_IN_CONTAINERS: Final = {
    "LAB_HOST",
    "LAB_PORT_BASE",
    "LAB_REDIS_URL",
    "LAB_PROCESS_NAME",
    "LAB_FANOUT_URL",
}
NOT_IN_CONTAINERS: Final = {"LAB_INGEST_PROCESSES", "LAB_TLS", "LAB_STATE_DIR"}


def defaults(text: object) -> str:
    """A value of the compose file as it is where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))


def test_the_lab_is_all_there() -> None:
    parts = {"redis", "ingest", "worker", "fanout", "pipeline_b", "fleet", "dashboard", "url"}
    assert set(SERVICES) == parts
    assert set(TOOLS) == {"compare"}


def test_both_generations_of_compose_can_read_it() -> None:
    assert "version" not in COMPOSE
    for service in ALL.values():
        assert not {"container_name", "deploy", "env_file"} & set(service)


@pytest.mark.parametrize("name", LASTING)
def test_a_service_is_watched_restarted_bounded_and_shut_in(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert not any("curl" in str(word) for word in service["healthcheck"]["test"])
    assert service["restart"] == "unless-stopped"
    assert service["init"] is service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_run_by_hand_bounded_and_shut_in(name: str) -> None:
    tool = TOOLS[name]
    assert tool["profiles"] == ["tools"]
    assert tool["restart"] == "no"
    assert tool["network_mode"] == "none"
    assert tool["init"] is tool["read_only"] is True
    assert tool["cap_drop"] == ["ALL"]
    assert tool["mem_limit"]
    assert "ports" not in tool


def test_the_last_service_runs_once() -> None:
    url = SERVICES["url"]
    assert url["restart"] == "no"
    assert set(url["depends_on"]) == {"dashboard", "fanout", "fleet"}


def test_the_limits_add_up_to_a_gigabyte_at_most() -> None:
    total = 0
    for service in SERVICES.values():
        size = re.fullmatch(r"(\d+)m", service["mem_limit"])
        assert size
        total += int(size[1]) * int(defaults(service.get("scale", 1)))
    assert total <= LIMIT_MB


def test_ports_are_published_on_this_machine_from_settings() -> None:
    published = [str(port) for service in SERVICES.values() for port in service.get("ports", [])]
    ports = {name: variable.default for name, variable in PUBLISHED_PORTS.items()}
    wanted = {f"127.0.0.1:${{{name}:-{port}}}:{port}" for name, port in ports.items()}
    assert set(published) == wanted
    assert "ports" not in SERVICES["redis"]


def test_a_service_waits_until_what_it_needs_is_healthy() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, f"{name} → {needed}"


def test_only_pipeline_a_shares_a_socket_with_redis() -> None:
    mounts = {name: service.get("volumes", []) for name, service in SERVICES.items()}
    inside = {
        name for name, volumes in mounts.items() if any("redis-socket:" in volume for volume in volumes)
    }
    assert inside == {"redis", "ingest", "worker", "fanout"}
    for name in inside - {"redis"}:
        assert mounts[name] == ["redis-socket:/run/redis:ro"]
        assert SERVICES[name]["environment"]["LAB_REDIS_URL"] == "unix:///run/redis/redis.sock"


def test_redis_is_on_no_network() -> None:
    assert SERVICES["redis"]["network_mode"] == SERVICES["worker"]["network_mode"] == "none"
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocket"] == "/run/redis/redis.sock"
    assert "--bind" not in options
    assert options["--unixsocket"] in SERVICES["redis"]["healthcheck"]["test"][1]


def test_the_services_know_each_other_by_the_names_that_they_accept() -> None:
    known = set(defaults(SERVICES["fleet"]["environment"]["LAB_HOSTNAMES"]).split(",")) - {""}
    asked = {
        urlsplit(str(text)).hostname
        for service in SERVICES.values()
        for name, text in service.get("environment", {}).items()
        if name.endswith("_URL") and not str(text).startswith("unix:")
    }
    assert asked <= known


def test_every_setting_reaches_the_containers() -> None:
    known = VARIABLES | PUBLISHED_PORTS
    given: set[str] = set()
    for service in SERVICES.values():
        for name, text in service.get("environment", {}).items():
            assert name in known
            given.add(name)
            if isinstance(text, str) and text.startswith("$") and name in PUBLISHED_PORTS:
                assert defaults(text) == known[name].default
    assert set(VARIABLES) - SET_IN_CONTAINERS - NOT_IN_CONTAINERS <= given
    workers = SERVICES["worker"]["scale"]
    assert defaults(workers) == VARIABLES["LAB_WORKERS"].default


def test_redis_keeps_what_was_accepted() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "${LAB_FSYNC:-always}"
    assert options["--maxmemory-policy"] == "noeviction"
    assert SERVICES["redis"]["volumes"] == ["redis:/data", "redis-socket:/run/redis"]


def test_the_image_holds_wheels_by_hash_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = re.split(r"(?m)^(?=FROM )", text)[1:]
    assert [stage.split()[1] for stage in stages] == [
        "python:3.13-slim",
        "python:3.13-slim",
        "build",
        "lab",
        "redis:8-alpine",
    ]
    assert "--require-hashes --only-binary :all: -r /tmp/lab.txt" in stages[0]
    assert stages[0].index("requirements/lab.txt") < stages[0].index("COPY . /app"), (
        "code before requirements"
    )
    assert "--require-hashes --only-binary :all: -r /app/requirements/report.txt" in stages[2]
    for stage in (stages[1], *stages[3:]):
        users = re.findall(r"(?m)^USER (\S+)", stage)
        assert users[-1] not in ("root", "0")


def test_the_build_gets_the_packages_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {
        *PACKAGES,
        "dashboard",
        "requirements/lab.txt",
        "requirements/report.txt",
        "LICENSE",
    }

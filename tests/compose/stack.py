"""The lab's containers as the compose tests see them: one project with a name, ports and settings of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx2

from control_plane.audit import LabAudit, audit_once
from control_plane.client import PIPELINES, LabClient
from control_plane.feed_client import until_moving
from control_plane.ports import free_block
from control_plane.settings import ROOT, Settings
from lab_runtime.env import PUBLISHED_PORTS
from metrics_core.errors import LabError

FIRST_PORT: Final = 25_000
PROCESSES: Final = ("redis", "ingest", "worker", "fanout", "pipeline_b", "fleet", "dashboard")
SERVING: Final = ("dashboard", "ingest", "fanout", "pipeline_b_http", "fleet")
SETTINGS: Final = {"LAB_SERVERS": "40", "LAB_RATE": "5", "LAB_RUN": "compose-test"}
BACK_WITHIN_S: Final = 30.0
LOOK_EVERY_S: Final = 0.1


def compose_command() -> tuple[str, ...]:
    """Compose v2 where the engine's client has it, else docker-compose 1.29."""
    version = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=20, check=False)
    return ("docker", "compose") if version.returncode == 0 else ("docker-compose",)


class Stack:
    """One compose project: the project's own compose file, with other ports, other settings and images of its own.

    Args:
        folder: Where the settings go that stand in for the user's `.env`, which must not change what the tests see.
    """

    def __init__(self, folder: Path) -> None:
        self.project = f"labtest{os.getpid()}"
        self.base = free_block("127.0.0.1", FIRST_PORT)
        self.urls = Settings.from_environ({"LAB_PORT_BASE": str(self.base)}).urls
        ports = {name: str(self.base + offset) for offset, name in enumerate(PUBLISHED_PORTS)}
        env_file, images = folder / "settings.env", folder / "images.json"
        env_file.write_text("".join(f"{name}={text}\n" for name, text in (SETTINGS | ports).items()))
        names = {service: {"image": f"{self.project}-lab"} for service in (*PROCESSES, "url")}
        names["redis"] = {"image": f"{self.project}-redis"}
        names["compare"] = {"image": f"{self.project}-tools"}
        images.write_text(json.dumps({"services": names}))  # JSON is YAML
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(images))
        self._command = (*compose_command(), "--env-file", str(env_file), "-p", self.project, *files)
        self._environ = {name: text for name, text in os.environ.items() if not name.startswith("LAB_")}

    # -- commands -----------------------------------------------------------------------------------------------

    def compose(self, *arguments: str, within_s: float = 90) -> str:
        """Run a compose command and give what it says."""
        return self._run(*self._command, *arguments, within_s=within_s)

    def docker(self, *arguments: str, within_s: float = 30) -> str:
        """Run a docker command and give what it says."""
        return self._run("docker", *arguments, within_s=within_s)

    def _run(self, *command: str, within_s: float) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def containers(self, service: str = "", *, stopped: bool = False) -> list[str]:
        """Ids of the containers of a service (of all services: no name given)."""
        filters = [f"label=com.docker.compose.project={self.project}"]
        filters += [f"label=com.docker.compose.service={service}"] if service else []
        listed = self.docker(
            "ps", "-q", *(["-a"] if stopped else []), *(f"--filter={text}" for text in filters)
        )
        return listed.split()

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", container))
        return found[0]

    def everything(self) -> list[str]:
        """Containers, volumes and networks that belong to the project."""
        label = f"--filter=label=com.docker.compose.project={self.project}"
        listed = [self.docker(kind, "ls", "-q", label) for kind in ("volume", "network")]
        return self.containers(stopped=True) + " ".join(listed).split()

    def story(self) -> str:
        """State and last lines of every container, for a test that failed."""
        return f"{self.compose('ps')}\n{self.compose('logs', '--no-color', '--tail=40')}"

    # -- conditions ---------------------------------------------------------------------------------------------

    def until(self, holds: Callable[[], object], what: str, within_s: float = BACK_WITHIN_S) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: It did not come true within `within_s` seconds.
        """
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
            time.sleep(LOOK_EVERY_S)

    def not_ready(self) -> list[str]:
        """The serving parts that do not answer 200 to /readyz."""
        missing = []
        for part in SERVING:
            try:
                answer = httpx2.get(f"{self.urls[part].rstrip('/')}/readyz", timeout=3, trust_env=False)
            except httpx2.HTTPError:
                missing.append(part)
            else:
                missing += [] if answer.status_code == 200 else [part]
        return missing

    def unhealthy(self) -> list[str]:
        """The services with a container that the engine does not call healthy."""
        return [
            service
            for service in PROCESSES
            for container in self.containers(service, stopped=True)
            if self.inspect(container)["State"].get("Health", {}).get("Status") != "healthy"
        ]

    async def feeds_move(self, within_s: float = BACK_WITHIN_S) -> dict[str, dict[str, Any]]:
        """Wait until `processed` rises on both feeds.

        Returns:
            A snapshot of each pipeline.

        Raises:
            LabError: One does not, within `within_s` seconds.
        """
        deadline = time.monotonic() + within_s
        moving: dict[str, dict[str, Any]] = {}
        for pipeline, feed in zip(PIPELINES, ("feed_a", "feed_b"), strict=True):
            while pipeline not in moving:
                left_s = deadline - time.monotonic()
                try:
                    moving[pipeline] = await until_moving(self.urls[feed], "", max(0.1, left_s))
                except LabError:
                    if left_s <= 0:
                        raise
                    await asyncio.sleep(LOOK_EVERY_S)
        return moving

    async def fleet_ledger(self) -> dict[str, Any]:
        """What the producers know now."""
        async with LabClient(self.urls, "") as client:
            return await client.fleet_ledger()

    async def audit_until(
        self,
        enough: Callable[[LabAudit], bool],
        fleet: dict[str, Any] | None = None,
        within_s: float = BACK_WITHIN_S,
    ) -> LabAudit:
        """Audit again and again until the account is as wanted.

        Args:
            enough: Whether it is.
            fleet: The fleet's ledger; None: what it says at each look.
            within_s: Deadline; the last look counts.
        """
        deadline = time.monotonic() + within_s
        async with LabClient(self.urls, "") as client:
            while True:
                found = await audit_once(client, set(PIPELINES), fleet)
                if enough(found) or time.monotonic() >= deadline:
                    return found
                await asyncio.sleep(LOOK_EVERY_S)

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from control_plane.plan import ReadyUrl, make_plan, numbered
from control_plane.settings import Settings


def settings_in(folder: Path, **environ: str) -> Settings:
    settings = Settings.from_environ({"LAB_STATE_DIR": str(folder), "LAB_RUN": "r", **environ})
    settings.run_dir.mkdir(parents=True)
    return settings


def test_store_first_fleet_last(tmp_path: Path) -> None:
    plan = make_plan(settings_in(tmp_path))
    names = [[spec.name for spec in stage] for stage in plan.stages]
    assert names == [
        ["redis"],
        ["worker-1", "worker-2", "ingest", "fanout", "websocket", "dashboard"],
        ["fleet"],
    ]


def test_a_redis_of_the_user_replaces_the_embedded_one(tmp_path: Path) -> None:
    plan = make_plan(settings_in(tmp_path, LAB_REDIS_URL="redis://there:6379/0"))
    assert plan.stages[0][0].name == "worker-1"
    assert plan.redis_url == "redis://there:6379/0"
    assert plan.stages[0][0].environ["LAB_REDIS_URL"] == "redis://there:6379/0"


def test_numbers_of_workers_and_ingest_processes(tmp_path: Path) -> None:
    plan = make_plan(settings_in(tmp_path, LAB_WORKERS="0", LAB_INGEST_PROCESSES="3"))
    assert [spec.name for spec in plan.stages[1]] == [
        "ingest-1",
        "ingest-2",
        "ingest-3",
        "fanout",
        "websocket",
        "dashboard",
    ]
    assert numbered("ingest", 1) == ["ingest"]


def test_commands_and_probes(tmp_path: Path) -> None:
    plan = make_plan(settings_in(tmp_path, LAB_PORT_BASE="9000"))
    specs = {spec.name: spec for stage in plan.stages for spec in stage}
    assert specs["worker-1"].command == (sys.executable, "-m", "pipeline_http_redis", "worker")
    assert specs["worker-1"].probe is None
    assert specs["worker-1"].environ["LAB_PROCESS_NAME"] == "worker-1"
    assert specs["websocket"].command == (sys.executable, "-m", "pipeline_websocket")
    probes = {name: spec.probe for name, spec in specs.items()}
    assert probes["ingest"] == ReadyUrl("http://127.0.0.1:9001/readyz")
    assert probes["fleet"] == ReadyUrl("http://127.0.0.1:9004/readyz")
    assert probes["dashboard"] == ReadyUrl("http://127.0.0.1:9000/readyz")


def test_valkey_is_durable_and_off_the_network(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, LAB_FSYNC="everysec")
    plan = make_plan(settings)
    config = Path(plan.stages[0][0].command[1]).read_text()
    for line in (
        "port 0",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
    ):
        assert line in config.splitlines()
    assert "LAB_TOKEN" not in plan.stages[0][0].environ


def test_the_socket_of_a_deep_folder_goes_to_a_private_one(tmp_path: Path) -> None:
    near = make_plan(settings_in(tmp_path / "a"))
    assert near.private_dir == ""
    assert unquote(near.redis_url) == f"unix://{tmp_path}/a/r/redis.sock"
    far = make_plan(settings_in(tmp_path / ("x" * 100)))
    private = Path(far.private_dir)
    assert private.stat().st_mode & 0o777 == 0o700
    assert far.redis_url == f"unix://{private}/redis.sock"
    private.rmdir()


@pytest.mark.parametrize("name", ["with space", 'with "quotes"', "mit Umläuten"])
def test_paths_are_quoted(tmp_path: Path, name: str) -> None:
    plan = make_plan(settings_in(tmp_path / name))
    config = (tmp_path / name / "r" / "valkey.conf").read_text(encoding="utf-8")
    escaped = str(tmp_path / name).replace('"', '\\"')
    assert f'dir "{escaped}/r/store"' in config
    assert " " not in plan.redis_url

"""`up`, `down`, `ledger` and `check` for real: all processes, both pipelines, real samples."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from control_plane.state import read_record
from tests.lab_process import LabProcess, alive, until


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path / "state")
    yield process
    process.close()


def test_a_run_with_an_end_audits_itself_and_leaves_nothing(lab: LabProcess, tmp_path: Path) -> None:
    done = lab.run("up", "--for", "3", "--json", str(tmp_path / "audit.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    audit = json.loads((tmp_path / "audit.json").read_bytes())
    assert audit["ok"] is True
    assert audit["pipelines"].keys() == {"http_redis", "websocket"}
    for pipeline in audit["pipelines"].values():
        assert pipeline["created"] == pipeline["acked"] == pipeline["processed"] >= 100
        assert pipeline["lost"] == pipeline["rejected"] == 0
        assert pipeline["duplicates"] >= 0
    assert "balanced" in done.stdout
    assert read_record(lab.state_dir) is None
    assert not (lab.state_dir / "current").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_in_order(lab: LabProcess, number: signal.Signals) -> None:
    record = lab.up()
    assert len(record.processes) == 8
    assert len(alive(record)) == 8
    assert lab.end(number) == 0, lab.said()
    assert alive(record) == []
    assert "Traceback" not in lab.said()
    for log in (lab.state_dir / record.run).glob("*.log"):
        assert "Traceback" not in log.read_text(), log.name


def test_the_table_names_every_address(lab: LabProcess) -> None:
    record = lab.up()
    until(lambda: "press Ctrl-C to stop" in lab.said())
    for part in ("dashboard", "feed_a", "feed_b", "ingest", "fleet"):
        assert record.urls[part] in lab.said()
    assert httpx2.get(record.urls["dashboard"], trust_env=False).status_code == 200


def test_a_second_lab_in_the_same_folder_is_refused_with_the_address_of_the_first(lab: LabProcess) -> None:
    record = lab.up()
    second = lab.run("up")
    assert second.returncode == 2
    assert f"already runs in this folder at {record.urls['dashboard']}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert len(alive(record)) == 8


def test_a_taken_port_moves_the_lab_to_the_next_five(lab: LabProcess) -> None:
    with socket.create_server(("127.0.0.1", lab.port_base + 3)):
        record = lab.up()
    assert record.port_base >= lab.port_base + 5
    assert "are not all free; using" in lab.said()
    assert httpx2.get(f"{record.urls['ingest']}/readyz", trust_env=False).status_code == 200


def test_down_stops_it_and_says_what(lab: LabProcess) -> None:
    record = lab.up()
    done = lab.run("down")
    assert done.returncode == 0
    assert "stopped: redis, worker-1" in done.stdout
    assert lab.process.wait(10) == 0
    assert alive(record) == []
    assert "nothing runs here" in lab.run("down").stdout


def test_the_ledger_of_a_running_lab(lab: LabProcess) -> None:
    lab.up()
    shown = lab.run("ledger")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.count("·") == 2
    told = json.loads(lab.run("ledger", "--json").stdout)
    assert told["pipelines"]["websocket"]["lost"] == 0


def test_no_lab_to_audit(lab: LabProcess) -> None:
    refused = lab.run("ledger")
    assert refused.returncode == 2
    assert "no lab runs here" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("url", ["nonsense", "redis://127.0.0.1:9/0", "unix:///nowhere.sock"])
def test_a_redis_that_is_not_there_ends_the_start_in_one_line(lab: LabProcess, url: str) -> None:
    lab.environ["LAB_REDIS_URL"] = url
    refused = lab.run("up")
    assert refused.returncode == 2
    assert "LAB_REDIS_URL" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "Traceback" not in refused.stdout
    assert read_record(lab.state_dir) is None


def test_serve_on_a_taken_port_is_one_line(lab: LabProcess) -> None:
    with socket.create_server(("127.0.0.1", lab.port_base)):
        refused = lab.run("serve")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"dashboard: cannot listen on 127.0.0.1, port {lab.port_base}")
    assert len(refused.stderr.splitlines()) == 1


def test_a_redis_of_the_user_is_used_and_told_where_it_is_weak(lab: LabProcess, tmp_path: Path) -> None:
    socket_path = tmp_path / "own.sock"
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(socket_path),
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    own = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(socket_path.exists)
        lab.environ["LAB_REDIS_URL"] = f"unix://{socket_path}"
        done = lab.run("up", "--for", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "keeps no append-only file" in done.stdout
        assert own.poll() is None, "the lab does not stop what it did not start"
    finally:
        own.terminate()
        own.wait(10)


def test_a_deep_folder_with_spaces_works(tmp_path: Path) -> None:
    lab = LabProcess(tmp_path / ("a deep folder " * 8).strip() / "state")
    lab.state_dir.parent.mkdir(parents=True)
    try:
        record = lab.up()
        assert record.private_dir
        assert lab.end(signal.SIGINT) == 0
        assert not Path(record.private_dir).exists()
    finally:
        lab.close()


def test_one_transport_feeds_one_pipeline(lab: LabProcess, tmp_path: Path) -> None:
    path = str(tmp_path / "audit.json")
    done = lab.run("up", "--for", "2", "--transport", "http2", "--ingest-processes", "2", "--json", path)
    assert done.returncode == 0, done.stdout + done.stderr
    pipelines = json.loads(Path(path).read_bytes())["pipelines"]
    assert pipelines["http_redis"]["acked"] > 0
    assert pipelines["websocket"]["created"] == 0


def test_with_a_token_all_parts_work_together(lab: LabProcess) -> None:
    done = lab.run("up", "--for", "2", "--token", "secret")
    assert done.returncode == 0, done.stdout + done.stderr
    for log in lab.state_dir.glob("*/*.log"):
        assert "secret" not in log.read_text(), log.name


def test_the_preflight_holds(lab: LabProcess, tmp_path: Path) -> None:
    done = lab.run("check", "--json", str(tmp_path / "check.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "check.json").read_bytes())
    assert found["ok"]
    assert len(found["checks"]) == 8


def test_a_lab_that_runs_does_not_keep_the_preflight_from_running(lab: LabProcess) -> None:
    record = lab.up()
    assert lab.run("check").returncode == 0
    assert len(alive(record)) == 8
    until(lambda: lab.run("ledger").returncode == 0)

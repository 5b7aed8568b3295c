"""Faults in containers: what can be broken with what is known of the workers, and where the parts are."""

from __future__ import annotations

from control_plane.client import LabClient
from control_plane.faults.catalog import KINDS
from control_plane.faults.inside import InsideFaults, part_urls
from control_plane.faults.inside_recovery import InsideView
from lab_runtime.env import Env

URLS = part_urls(Env({}))


def faults_with(*workers: str) -> InsideFaults:
    """The actuator of a lab in which these workers were seen."""
    client = LabClient(URLS, "")
    view = InsideView(client)
    view.workers = list(workers)
    return InsideFaults(URLS, "", client, view)


def test_its_kinds_are_in_the_catalog() -> None:
    assert faults_with().kinds <= set(KINDS)


def test_workers_are_targets_once_they_were_seen() -> None:
    assert faults_with().targets("kill") == ["redis", "ingest", "fanout", "websocket", "fleet"]
    assert "worker-7" in faults_with("worker-7").targets("pause")
    assert faults_with("worker-7").targets("kill-mid-batch") == ["worker-7", "worker"]
    assert faults_with().why_not("kill-mid-batch")
    assert not faults_with("worker-7").why_not("kill-mid-batch")


def test_the_engines_own_process_is_no_target() -> None:
    for kind in faults_with().kinds:
        assert "dashboard" not in faults_with("worker-1").targets(kind)


def test_what_needs_somebody_outside_is_not_available() -> None:
    assert "container" in faults_with().why_not("disk-full")
    assert all(not faults_with("w").why_not(kind) for kind in faults_with().kinds - {"disk-full"})


def test_the_parts_are_where_the_settings_say() -> None:
    assert URLS["ingest"] == "http://127.0.0.1:8766"
    assert URLS["feed_a"] == "ws://127.0.0.1:8767/v1/feed"
    named = part_urls(
        Env({"LAB_FANOUT_URL": "http://fanout:8767", "LAB_PIPELINE_B_URL": "ws://pipeline_b:8768"})
    )
    assert named["feed_a"] == "ws://fanout:8767/v1/feed"
    assert named["pipeline_b_http"] == "http://pipeline_b:8768"
    assert named["feed_b"] == "ws://pipeline_b:8768/v1/feed"
    secure = part_urls(Env({"LAB_TLS": "on"}))
    assert secure["feed_a"].startswith("wss://")
    assert secure["pipeline_b_http"].startswith("https://")

"""Scenarios played for real: on a lab that runs, and on labs of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx2
import pytest

from control_plane.state import read_record
from tests.lab_process import LabProcess, alive

AT_MOST_LATE_S = 1.5
NAIVE = """
title = "B without replay, short"
lesson = "An ack is worth what its giver can keep."
lasts_s = 6

[lab]
LAB_REPLAY = "off"

[[fault]]
kind = "kill"
target = "websocket"
at_s = [2.0, 3.0]

[[fault]]
kind = "duplicate"
target = ["web-01", "web-02"]
at_s = [0.5, 1.5]
grade = [2, 9]
for_s = [1.0, 2.0]

[[question]]
ask = "How many?"
measure = "B.lost_acked"
answers = [{text = "none", low = 0, high = 0}, {text = "some", low = 1}]
why = "{B.lost_acked} samples"
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path / "state")
    process.up()
    yield process
    process.close()


REDIS = """
title = "Redis, short"
lesson = "A 202 is a promise of a disk."
lasts_s = 5

[[fault]]
kind = "kill"
target = "redis"
at_s = [1.0, 2.0]

[[question]]
ask = "How many acknowledged samples does pipeline A lose?"
measure = "A.lost_acked"
answers = [{text = "none", low = 0, high = 0}, {text = "some", low = 1}]
why = "{A.refused} were refused meanwhile"

[[question]]
ask = "And pipeline B?"
measure = "B.lost_acked"
answers = [{text = "none", low = 0, high = 0}, {text = "some", low = 1}]
why = "It does not know Redis"
"""


def outcome(done: CompletedProcess[str], path: Path) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_lesson_on_the_lab_that_runs_holds_the_prediction_against_the_audit(
    lab: LabProcess, tmp_path: Path
) -> None:
    record = read_record(lab.state_dir)
    assert record
    script, path = tmp_path / "redis.toml", tmp_path / "out.json"
    script.write_text(REDIS)
    done = lab.run("scenario", str(script), "--seed", "3", "--answers", "1,2", "--json", str(path))
    found = outcome(done, path)
    in_a, in_b = found["results"]
    assert (in_a["right"], in_a["ok"], in_a["measured"]) == ("none", True, 0)
    assert (in_b["right"], in_b["ok"]) == ("none", False)
    assert "1 of 2 predictions were right" in done.stdout
    assert "were refused meanwhile" in done.stdout
    assert found["measures"]["fault.recovered_s"] <= 5
    (injected,) = found["injected"]
    assert (injected["planned"]["kind"], injected["planned"]["target"]) == ("kill", "redis")
    events = httpx2.get(f"{record.urls['dashboard']}api/events", trust_env=False).json()["events"]
    assert {"fault", "restarted"} <= {event["kind"] for event in events}
    assert len(alive(record)) >= 7, "the lab goes on"


def test_a_running_lab_with_other_settings_is_refused_with_what_to_do(lab: LabProcess) -> None:
    done = lab.run("scenario", "naive", "--no-ask")
    assert done.returncode == 2
    assert "LAB_REPLAY=off python3 lab.py up" in done.stderr
    assert "--own" in done.stderr


def test_two_runs_with_one_seed_inject_the_same_faults_at_the_same_times(tmp_path: Path) -> None:
    script = tmp_path / "short.toml"
    script.write_text(NAIVE)
    labs = [LabProcess(tmp_path / f"state-{n}", LAB_PORT_BASE=str(23_900 + 10 * n)) for n in (1, 2)]

    def play(lab: LabProcess) -> dict[str, Any]:
        path = lab.state_dir.with_suffix(".json")
        return outcome(
            lab.run("scenario", str(script), "--seed", "5", "--answers", "2", "--json", str(path)), path
        )

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(play, labs)
    plans = [[step["planned"] for step in found["injected"]] for found in (first, second)]
    assert plans[0] == plans[1]
    assert len(plans[0]) == 2
    for found in (first, second):
        for step in found["injected"]:
            assert 0 <= step["at_s"] - step["planned"]["at_s"] < AT_MOST_LATE_S
        assert found["measures"]["B.lost_acked"] > 0
        assert found["measures"]["A.lost_acked"] == 0
        assert found["measures"]["A.duplicates"] > 0
        assert found["results"][0]["ok"] is True
        assert found["fates"]["websocket"]["lost_memory"] == found["measures"]["B.lost_acked"]

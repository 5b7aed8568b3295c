"""`load` as users call it: whole runs on pipelines of their own, on a lab that runs, stopped, and with bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest

from load_tests.runs.folder import SavedRun
from load_tests.target.rig import is_free, reserve_block
from load_tests.target.target import Target
from tests.lab_process import LabProcess
from tests.support.load_command import Ended, LoadCommand
from tests.support.waiting import until

SMALL: Final = ("--own", "--duration", "1", "--warmup", "0.4", "--rate", "300", "--servers", "6")
NEGOTIATED: Final = {
    "http1": "HTTP/1.1",
    "http2": "HTTP/2",
    "websocket": "WebSocket 13",
    "http2-memory": "HTTP/2",
    "websocket-redis": "WebSocket 13",
}
PROCESSES: Final = {
    "http1": {"ingest", "worker-1", "worker-2", "fanout", "redis"},
    "http2": {"ingest", "worker-1", "worker-2", "fanout", "redis"},
    "websocket": {"websocket"},
    "http2-memory": {"http-memory"},
    "websocket-redis": {"websocket-redis", "worker-1", "worker-2", "fanout", "redis"},
}


@pytest.fixture
def command(tmp_path: Path) -> Iterator[LoadCommand]:
    with LoadCommand(tmp_path) as command:
        yield command


def one_line(ended: Ended, *words: str) -> None:
    """It failed as a command of the lab fails: a sentence that says what is wrong, no stack trace."""
    assert ended.code == 2, ended.said
    assert "Traceback" not in ended.said, ended.said
    for word in words:
        assert word in ended.said


def first_line(ended: Ended) -> str:
    """Of the summary."""
    return ended.said.partition("for this run")[2].strip().split("\n")[0]


# -- whole runs -------------------------------------------------------------------------------------------------------


def check_whole(saved: SavedRun, arm: str) -> None:
    """A run that went well holds every figure, and they agree (what `read_run` does not check already)."""
    run, counts = saved.run, saved.run.counts
    assert (run.status, run.reasons, run.plan.arm) == ("complete", [], arm)
    assert counts.created == counts.acked == counts.processed > 200
    assert (counts.lost, counts.duplicates, run.missing) == (0, 0, {})
    assert {name: clock.corrected.n for name, clock in run.clocks.items()} == dict.fromkeys(
        ("accepted", "processed", "visible"), counts.processed
    )
    assert run.setup.negotiated == NEGOTIATED[arm]
    assert {process.name for process in run.cost.processes} == PROCESSES[arm]
    assert all(process.user_s + process.system_s > 0 for process in run.cost.processes)
    assert all(process.rss_bytes > 5_000_000 for process in run.cost.processes)
    wire = run.cost.wire
    assert wire.sent_bytes > wire.sent_payload > 150 * counts.created
    assert wire.received_bytes > wire.received_payload > 0
    assert wire.connections == 6
    assert wire.handshake_bytes > 6 * 6 * 40
    if run.plan.store == "redis":
        assert run.setup.acknowledgement == "on disk"
        assert run.cost.redis is not None
        assert run.cost.redis.commands > counts.processed
        assert run.cost.redis.aof_bytes > 0
    else:
        assert run.setup.acknowledgement == "in memory"
        assert run.cost.redis is None
    assert run.cost.note == ""
    assert 0 < run.generator.cpu_percent < run.generator.cpu_limit_percent
    assert run.generator.locust_requests >= counts.acked
    assert sum(saved.series.created_per_s) == counts.created


@pytest.mark.parametrize("arm", NEGOTIATED)
def test_a_run_on_a_pipeline_of_its_own(command: LoadCommand, arm: str) -> None:
    ended = command.run(arm, *SMALL)
    assert ended.code == 0, ended.said
    saved = command.saved()
    check_whole(saved, arm)
    assert f"nothing was lost: {saved.run.counts.acked:,} samples acknowledged" in ended.said
    assert str(saved.path) in ended.said
    assert command.left_behind() == []
    assert not list(command.state.glob("*"))


def test_large_bodies_settings_and_several_generators(command: LoadCommand) -> None:
    """1,000 samples a send are 200 kB, more than a first HTTP/2 window."""
    ended = command.run(
        "http2:workers=1:batch=1000:producers=4", *SMALL[:-4], "--rate", "20000", "--generators", "2"
    )
    assert ended.code == 0, ended.said
    run = command.saved().run
    assert run.counts.created == run.counts.processed > 10_000
    assert run.counts.created % 1000 == 0
    assert (run.plan.batch, run.plan.producers, run.plan.generators, run.setup.workers) == (1000, 4, 2, 1)
    assert len(command.saved().ledger["created"]) == 4


def test_a_lab_that_runs_is_loaded_with_its_fleet_in_the_background(tmp_path: Path) -> None:
    lab = LabProcess(tmp_path / "lab", LAB_SERVERS="10", LAB_RATE="10")
    try:
        record = lab.up()
        results = tmp_path / "results"
        done = lab.run(
            "load", "http1", "--duration", "1", "--warmup", "0.4", "--rate", "200", "--results", str(results)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert record.urls["dashboard"] in done.stdout
        assert "of other producers ran meanwhile" in done.stdout
        (folder,) = results.iterdir()
        run = json.loads((folder / "run.json").read_text())
        assert 20 < run["setup"]["background_per_s"] < 200
        assert run["setup"]["own_lab"] is False
        assert {process["name"] for process in run["cost"]["processes"]} == PROCESSES["http1"]
        assert run["cost"]["redis"]["commands"] > 0
        assert run["counts"]["created"] == run["counts"]["processed"]
    finally:
        lab.close()


# -- stopped and broken -----------------------------------------------------------------------------------------------


def processed_at(target: Target) -> int:
    """Samples in a pipeline's aggregates; 0 where it does not answer."""
    try:
        with urllib.request.urlopen(f"{target.http_url}/v1/ledger", timeout=5) as reply:
            totals: dict[str, int] = json.load(reply)["totals"]
            return totals["processed"]
    except OSError:
        return 0


def is_measuring(command: LoadCommand, samples: int = 150) -> Target:
    """Wait until so many samples of the measured part (there is no warm-up) are processed."""
    target = command.target()
    until(lambda: processed_at(target) > samples, "it is measured")
    return target


LONG: Final = ("--own", "--duration", "60", "--warmup", "0", "--servers", "6")


@pytest.mark.parametrize("arm, rate", [("http1", "500"), ("websocket", "5000")])
def test_ctrl_c_keeps_what_was_measured(command: LoadCommand, arm: str, rate: str) -> None:
    """Nothing is called lost that is on its way still."""
    command.start(arm, *LONG, "--rate", rate)
    is_measuring(command, int(rate) // 2)
    command.interrupt()
    ended = command.ended(20)
    assert ended.code == 130, ended.said
    assert "Traceback" not in ended.said
    run = command.saved().run
    assert run.status == "partial"
    assert "of 60 s" in run.reasons[0]
    assert run.counts.acked > 100
    assert (run.counts.lost, run.missing) == (0, {})
    assert run.counts.processed >= run.counts.acked
    assert run.clocks["accepted"].corrected.n == run.counts.acked
    assert command.left_behind() == []


def test_ctrl_c_before_anything_was_measured_leaves_no_folder(command: LoadCommand) -> None:
    command.start("websocket", "--own", "--warmup", "60", "--servers", "6", "--rate", "300")
    is_measuring(command)  # the warm-up
    command.interrupt()
    ended = command.ended(20)
    assert ended.code == 130, ended.said
    assert "stopped before anything was measured" in ended.said
    assert "Traceback" not in ended.said
    assert list(command.results.iterdir()) == []
    assert command.left_behind() == []


def test_a_killed_load_leaves_no_process_behind(command: LoadCommand) -> None:
    process = command.start("websocket", *LONG)
    is_measuring(command)
    process.send_signal(signal.SIGKILL)
    until(lambda: not command.left_behind(), "all that it started has ended")


SHORT: Final = ("--own", "--duration", "2", "--warmup", "0", "--rate", "300", "--servers", "6")


def test_pipeline_b_killed_loses_what_it_held_and_the_run_names_it(command: LoadCommand) -> None:
    command.start("websocket", *SHORT)
    os.kill(is_measuring(command).processes["websocket"], signal.SIGKILL)
    ended = command.ended()
    assert ended.code == 1, ended.said
    assert "Traceback" not in ended.said
    saved = command.saved()
    run = saved.run
    assert run.status == "failed"
    assert any("the process websocket ended" in reason for reason in run.reasons)
    assert run.counts.lost == run.counts.acked > 100
    assert run.missing == saved.ledger["acked"]
    assert run.counts.unanswered > 0
    assert first_line(ended).startswith(f"LOST {run.counts.acked} of {run.counts.acked} acknowledged samples")
    assert "processed" not in run.clocks


def test_the_ingest_killed_is_a_failed_run_and_not_a_loss(command: LoadCommand) -> None:
    """What was acknowledged is on disk; nobody can be asked for it, so nothing is claimed."""
    command.start("http1", *SHORT)
    os.kill(is_measuring(command).processes["ingest"], signal.SIGKILL)
    ended = command.ended()
    assert ended.code == 1, ended.said
    assert "Traceback" not in ended.said
    run = command.saved().run
    assert run.status == "failed"
    assert any("the process ingest ended" in reason for reason in run.reasons)
    assert any("does not answer" in reason for reason in run.reasons)
    assert (run.counts.lost, run.missing) == (0, {})
    assert run.counts.acked > 100
    assert "UNKNOWN" in ended.said
    assert command.left_behind() == []


def test_pipelines_of_two_measurements_never_share_ports() -> None:
    """Also where both look for ports before either listens: one would measure the other."""
    with ExitStack() as stack:
        bases = []
        for _ in range(3):
            base, guard = reserve_block(8)
            stack.enter_context(guard)
            bases.append(base)
            assert not is_free(base)
    assert all(abs(a - b) >= 8 for a, b in combinations(bases, 2))


# -- bad input and bad disks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("htp2",), ("no arm 'htp2'", "did you mean http2?")),
        (("http1", "--rate", "0"), ("--rate", "0.1")),
        (("http1", "--batch", "10001"), ("--batch", "10000")),
        (("http1:batch=10001", "--own"), ("--batch", "10000")),
        (("http1:wrokers=2",), ("wrokers", "workers")),
        (("http1@nowhere",), ("nowhere is not a folder of this lab",)),
    ],
)
def test_bad_input_is_refused_in_a_line(
    command: LoadCommand, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    ended = command.run(*arguments)
    one_line(ended, *words)
    assert not command.results.exists() or not list(command.results.iterdir())


def test_results_that_cannot_be_written_are_a_line(command: LoadCommand) -> None:
    command.results.write_text("a file, not a folder")
    one_line(command.run("websocket", *SMALL), str(command.results))
    assert command.left_behind() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root (CI has it)")
def test_a_full_disk_is_a_line(command: LoadCommand) -> None:
    command.results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(command.results)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let tests mount a disk")
    try:
        ended = command.run("websocket", *SMALL)
        one_line(ended, "no room", str(command.results))
        assert list(command.results.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(command.results)], check=True)

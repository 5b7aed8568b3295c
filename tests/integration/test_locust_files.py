"""The locustfiles under plain `locust`: headless, distributed, with its web page; options that cannot be."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from control_plane.ports import free_block
from load_tests.runs.schema import Run
from load_tests.target.rig import Rig
from tests.support.load_command import LoadCommand
from tests.support.waiting import until

HTTP1, HTTP2, WEBSOCKET = "pipeline_a_http1.py", "pipeline_a_http2.py", "pipeline_b_websocket.py"
USERS: Final = ("-u", "7", "-r", "7")
SMALL: Final = ("--rate", "300", "--duration", "1", "--warmup", "0.3")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Both pipelines, which plain locust finds by `LAB_PORT_BASE`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        with Rig() as rig:
            yield rig


@pytest.fixture
def locust(tmp_path: Path, rig: Rig) -> Iterator[LoadCommand]:
    with LoadCommand(tmp_path, LAB_PORT_BASE=str(rig.base)) as command:
        yield command


def check(run: Run, arm: str, generators: int = 1) -> None:
    """A whole run of 7 producers with an identity of its own each."""
    assert (run.status, run.reasons, run.plan.arm) == ("complete", [], arm)
    assert (run.plan.producers, run.plan.generators) == (7, generators)
    assert run.counts.created == run.counts.acked == run.counts.processed > 200
    assert run.clocks["visible"].corrected.n == run.counts.processed
    assert run.cost.processes == []
    assert "the processes of the pipeline were not named" in run.cost.note
    assert run.cost.wire.connections == 7
    assert run.setup.own_lab is False


@pytest.mark.parametrize("file, arm", [(HTTP2, "http2"), (WEBSOCKET, "websocket")])
def test_headless(locust: LoadCommand, file: str, arm: str) -> None:
    ended = locust.run_locust(file, *USERS, *SMALL)
    assert ended.code == 0, ended.said
    saved = locust.saved()
    check(saved.run, arm)
    assert len(saved.ledger["created"]) == 7
    assert f"saved: {saved.path}" in ended.said
    assert "nothing was lost" in ended.said
    assert "Traceback" not in ended.said
    assert f"{saved.run.generator.locust_requests}" in ended.said  # Locust's own statistics stand beside it


def test_processes_of_one_command_make_one_run(locust: LoadCommand) -> None:
    port = str(free_port())
    ports = ("--master-port", port, "--master-bind-port", port)
    ended = locust.run_locust(HTTP1, *USERS, *SMALL, "--processes", "2", *ports)
    assert ended.code == 0, ended.said
    check(locust.saved().run, "http1", generators=2)
    assert len(locust.saved().ledger["created"]) == 7
    until(lambda: not locust.left_behind(), "all have ended")


def test_workers_started_by_hand_make_one_run(locust: LoadCommand) -> None:
    """The master was told to wait for one; a second one is taken, too, and its producers are others."""
    port = str(free_port())
    for _ in range(2):
        locust.start_locust(WEBSOCKET, "--worker", "--master-port", port)
    ended = locust.run_locust(
        WEBSOCKET, *USERS, *SMALL, "--master", "--master-bind-port", port, "--expect-workers", "2"
    )
    assert ended.code == 0, ended.said
    saved = locust.saved()
    check(saved.run, "websocket", generators=2)
    assert len(saved.ledger["created"]) == 7
    until(lambda: not locust.left_behind(), "all have ended")


# -- the web page -----------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody listens on now."""
    return free_block("127.0.0.1", 28_900)


def ask(url: str, **form: object) -> Any:
    """GET, or POST of a form; the body, or None where nobody answers yet."""
    body = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.urlopen(url, body, timeout=10) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError:
        raise
    except (urllib.error.URLError, ConnectionError):
        return None


def runs_in(results: Path) -> list[Run]:
    """All that were saved whole."""
    return [msgspec.json.decode(path.read_bytes(), type=Run) for path in sorted(results.glob("*/run.json"))]


def test_the_web_page_starts_stops_and_starts_again(locust: LoadCommand) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = locust.start_locust(WEBSOCKET, "--web-host", "127.0.0.1", "--web-port", str(port))
    page = until(lambda: ask(url), "the page answers")
    for option in ("rate", "batch", "shape", "schedule", "duration", "warmup", "seed"):
        assert f"&#34;{option}&#34;" in page or f'"{option}"' in page, option
    assert "run_folder" not in page

    def state() -> str:
        return str(json.loads(ask(f"{url}/stats/requests"))["state"])

    form = {"user_count": 7, "spawn_rate": 7, "rate": 300, "duration": 1, "warmup": 0.3, "host": ""}
    ask(f"{url}/swarm", **(form | {"rate": 0}))
    until(lambda: "load: --rate 0: expected" in locust.said(), "the bad rate is told")
    until(lambda: state() == "stopped", "the page lives, the test does not")

    ask(f"{url}/swarm", **(form | {"duration": 60}))
    until(lambda: json.loads(ask(f"{url}/stats/requests"))["stats"][0]["num_requests"] > 300, "it runs")
    ask(f"{url}/stop", now="yes")
    (stopped,) = runs_in(locust.results)
    assert stopped.status == "partial"
    assert stopped.counts.lost == 0
    assert stopped.counts.acked > 100

    assert json.loads(ask(f"{url}/swarm", **form))["success"] is True
    until(lambda: len(runs_in(locust.results)) == 2, "the run is saved")
    check(runs_in(locust.results)[1], "websocket")
    until(lambda: state() == "stopped", "the test has ended")

    process.send_signal(signal.SIGINT)
    locust.ended(20)
    assert "Traceback" not in locust.said(), locust.said()
    assert locust.left_behind() == []


# -- what cannot be ---------------------------------------------------------------------------------------------------


def test_a_pipeline_that_is_down_is_a_line(tmp_path: Path) -> None:
    with LoadCommand(tmp_path) as locust:  # a block of ports where nobody listens
        ended = locust.run_locust(HTTP1, *USERS, *SMALL)
    assert ended.code == 2, ended.said
    assert "load: http1 cannot be reached: 127.0.0.1:" in ended.said
    assert "refused" in ended.said
    assert "Traceback" not in ended.said
    assert not locust.results.exists()


@pytest.mark.parametrize(
    "content, words",
    [
        ('{"arm": "http1"}', "not a target"),
        ("no json", "not a target"),
        (None, "cannot be read"),
    ],
)
def test_a_foreign_target_is_a_line(
    locust: LoadCommand, tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "target.json"
    if content is not None:
        file.write_text(content)
    ended = locust.run_locust(HTTP1, *USERS, "--target", str(file))
    assert ended.code == 2, ended.said
    assert f"load: --target {file}: {words}" in ended.said
    assert "Traceback" not in ended.said


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--rate", "0"), "--rate 0: expected 0.1 to 1e+06"),
        (("--batch", "10001"), "--batch 10001: expected 1 to 10000"),
        (("--host", "somewhere"), "somewhere: expected something like http://127.0.0.1:8766"),
    ],
)
def test_options_that_cannot_be_are_a_line(
    locust: LoadCommand, arguments: tuple[str, ...], words: str
) -> None:
    ended = locust.run_locust(HTTP1, *USERS, *arguments)
    assert ended.code == 2, ended.said
    assert f"load: {words}" in ended.said
    assert "Traceback" not in ended.said

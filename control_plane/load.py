"""`load`: one load run on the lab that runs in this folder, or, where none does, on a pipeline started for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
import redis
from msgspec.structs import replace as replaced
from rich.console import Console

from control_plane.events import FILE_NAME
from control_plane.load_lines import telling, told_run
from control_plane.settings import ROOT, Settings, command_environ
from control_plane.state import LabRecord, find, read_record
from control_plane.tls import refuse_tls
from lab_runtime import valkey
from lab_runtime.env import Env
from load_tests.flags import Finite
from load_tests.generator.options import DEFAULT_DURATION_S, MOST_PRODUCERS, MOST_RATE_PER_S
from load_tests.generator.pipeline import Pipeline, PipelineSilent
from load_tests.generator.shapes import SHAPES, SOAK_S
from load_tests.measure import Load, measure
from load_tests.progress import shown
from load_tests.runs.folder import RESULTS, SavedRun, create, new_id, read_run
from load_tests.runs.machine import revision
from load_tests.runs.summary import render_run
from load_tests.target.arm import PIPELINES, Arm, parse_arm
from load_tests.target.running import target_at
from load_tests.target.target import Target
from metrics_core.errors import LabError
from metrics_core.limits import MAX_BATCH_SAMPLES

INTERRUPTED = 130


@click.command("load", short_help="One load run on a pipeline, saved and summed up.")
@click.argument("arm", metavar="http1|http2|websocket")
@click.option(
    "--rate",
    default=1000.0,
    show_default=True,
    metavar="X",
    type=Finite(0.1, MOST_RATE_PER_S),
    help="samples per second, all producers together",
)
@click.option(
    "--duration",
    "duration_s",
    metavar="SECONDS",
    type=Finite(0.5, 86_400),
    help=f"measured part [{DEFAULT_DURATION_S:g}; soak: {SOAK_S:g}]",
)
@click.option("--shape", default="steady", show_default=True, type=click.Choice(list(SHAPES)))
@click.option(
    "--batch",
    default=1,
    show_default=True,
    type=click.IntRange(1, MAX_BATCH_SAMPLES),
    metavar="N",
    help="samples per send",
)
@click.option(
    "--servers",
    "producers",
    default=50,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, MOST_PRODUCERS),
    help="producers, each with its own connection and identities",
)
@click.option("--schedule", default="poisson", show_default=True, type=click.Choice(["poisson", "constant"]))
@click.option("--warmup", "warmup_s", default=2.0, show_default=True, type=Finite(0, 600), metavar="SECONDS")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31), metavar="N")
@click.option(
    "--generators",
    default=1,
    show_default=True,
    type=click.IntRange(1, 16),
    metavar="N",
    help="Locust processes that share the load",
)
@click.option("--lines", is_flag=True, help="progress and result as JSON on standard output, for programs")
@click.option("--own", is_flag=True, help="start a pipeline for this run even if a lab runs")
@click.option("--results", default=RESULTS, type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="where the run is saved [load_tests/results]")  # fmt: skip
def load(
    arm: str,
    rate: float,
    duration_s: float | None,
    shape: str,
    batch: int,
    producers: int,
    schedule: str,
    warmup_s: float,
    seed: int,
    generators: int,
    lines: bool,
    own: bool,
    results: Path,
) -> int:
    """Load a pipeline with one Locust run: open model, three clocks, cost, ledger.

    Uses the lab that runs in this folder, so that the dashboard shows it; else starts the pipeline for this run alone.
    Crossovers (http1-memory, http2-memory, websocket-redis) are always started for the run, and so is an arm with
    settings (http1:workers=4) or of another folder (http1@FOLDER). Exit code 0 only for a whole run that lost nothing.
    """
    chosen, console = parse_arm(arm), Console(stderr=lines)
    length_s = duration_s or (SOAK_S if shape == "soak" else DEFAULT_DURATION_S)
    offered = Load(rate, batch, producers, shape, schedule, length_s, warmup_s, seed, generators)
    for name, value in chosen.load:
        field = {"rate": "rate_per_s"}.get(name, name)
        offered = replaced(offered, **{field: value if name == "rate" else int(value)})
    with _target(chosen, own, console) as target:
        folder = create(results, new_id(chosen.base, datetime.now(UTC)))
        try:
            with telling() if lines else shown(console, chosen.name, offered) as tell:
                saved = measure(target, offered, folder, tell)
        except KeyboardInterrupt:
            return _after_interrupt(folder, console, lines)
        except LabError:
            _remove_if_empty(folder)
            raise
    return tell_run(saved, console, lines)


def tell_run(saved: SavedRun, console: Console, lines: bool = False) -> int:
    """Show a run; gives the exit code."""
    if lines:
        told_run(saved)
    console.print(render_run(saved))
    console.print(f"saved: {saved.path}", markup=False, highlight=False, soft_wrap=True)
    return 0 if saved.run.status == "complete" and not saved.run.counts.lost else 1


def _after_interrupt(folder: Path, console: Console, lines: bool) -> int:
    if not (folder / "run.json").exists():
        _remove_if_empty(folder)
        console.print("stopped before anything was measured", markup=False)
        return INTERRUPTED
    tell_run(read_run(folder), console, lines)
    return INTERRUPTED


def _remove_if_empty(folder: Path) -> None:
    """A run that never was leaves no folder behind."""
    if not (folder / "run.json").exists():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


@contextmanager
def _target(arm: Arm, own: bool, console: Console) -> Iterator[Target]:
    """What to load, while it runs."""
    plain = arm.base in PIPELINES and not arm.settings and arm.build == ROOT
    settings = Settings.from_environ(command_environ())
    record = read_record(settings.state_dir) if plain and not own else None
    if record is not None:
        refuse_tls(record.urls.values(), "load")
        console.print(
            f"loading the lab that runs at {record.urls['dashboard']}", markup=False, highlight=False
        )
        yield running_target(arm, record, settings)
        return
    elsewhere = target_at(Env(settings.environ), arm.base) if plain and not own else None
    if elsewhere is not None and _answers(elsewhere):
        where = f"loading the lab that answers at {elsewhere.http_url}; what its processes use cannot be seen from here"
        console.print(where, markup=False, highlight=False)
        yield elsewhere
        return
    if plain and not own:
        why = "no lab runs in this folder: starting the pipeline for this run"
    else:
        why = "starting the pipeline for this run"
    console.print(why, markup=False, highlight=False)
    with arm.make_rig() as rig:
        yield arm.target(rig)


def _answers(target: Target) -> bool:
    try:
        Pipeline(target).check_ready()
    except PipelineSilent:
        return False
    return True


def running_target(arm: Arm, record: LabRecord, settings: Settings) -> Target:
    """A pipeline of the lab that runs in this folder."""
    on_a = arm.store == "redis"
    url = urlsplit(record.urls["ingest" if on_a else "pipeline_b_http"])
    running = {process.name: process.pid for process in record.processes if find(process)}
    ours = ("ingest", "worker", "fanout", "redis") if on_a else ("websocket",)
    redis_url = _redis_url(record, settings) if on_a else ""
    names = [name for name in running if name.startswith(ours)]
    env = Env(settings.environ)
    assert url.hostname
    assert url.port
    return Target(
        arm=arm.name,
        protocol=arm.protocol,
        store=arm.store,
        host=url.hostname,
        port=url.port,
        http_url=f"{url.scheme}://{url.netloc}",
        feed_url=record.urls["feed_a" if on_a else "feed_b"],
        token=env.text("LAB_TOKEN"),
        processes={name: running[name] for name in names},
        redis_url=redis_url,
        fsync=_fsync(redis_url) if on_a else "none",
        workers=sum(name.startswith("worker") for name in names),
        ingest_processes=sum(name.startswith("ingest") for name in names),
        revision=revision(ROOT),
        disk=str(settings.state_dir / record.run) if on_a else "",
        events_file=str(settings.state_dir / record.run / FILE_NAME),
    )


def _redis_url(record: LabRecord, settings: Settings) -> str:
    if settings.redis_url:
        return settings.redis_url
    folder = Path(record.private_dir) if record.private_dir else settings.state_dir / record.run
    sock = folder / "redis.sock"
    return valkey.socket_url(sock) if sock.exists() else ""


def _fsync(redis_url: str) -> str:
    """What Redis really does; it may have been changed while it ran."""
    if not redis_url:
        return "unknown"
    try:
        client = redis.Redis.from_url(redis_url, socket_timeout=5, retry=None)
        return str(client.config_get("appendfsync").get("appendfsync", "unknown"))
    except (redis.RedisError, OSError):
        return "unknown"

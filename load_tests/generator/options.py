"""The load tests' own options of Locust's command line, and the plan that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from lab_runtime.env import Env
from load_tests.generator.shapes import SHAPES, SOAK_S
from load_tests.runs.names import RESULTS
from load_tests.runs.schema import Plan
from load_tests.target.running import target_at
from load_tests.target.target import Target, read_target
from metrics_core.errors import ConfigError
from metrics_core.limits import MAX_BATCH_SAMPLES

DEFAULT_DURATION_S: Final = 20.0
MOST_PRODUCERS: Final = 5_000
MOST_RATE_PER_S: Final = 1_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to Locust's parser (`init_command_line_parser`); they show in its web UI, too."""
    add = parser.add_argument  # not of a group: Locust's page shows only those of the parser itself
    add("--rate", type=float, default=1000.0, help="samples per second, all producers (users) together")
    add("--batch", type=int, default=1, help="samples per send")
    add("--shape", choices=list(SHAPES), default="steady", help="how the rate moves over the run")
    add("--schedule", choices=["poisson", "constant"], default="poisson", help="how send times are drawn")
    add("--duration", type=float, default=0.0, help="measured part in s (0: 20, for soak 1800)")
    add("--warmup", type=float, default=2.0, help="s before it, not counted")
    add("--seed", type=int, default=1, help="of the schedule and of the readings")
    add("--results", default=str(RESULTS), help="where the run is saved")
    hidden: dict[str, Any] = {"include_in_web_ui": False, "default": ""}
    add(
        "--target",
        help="file that says what to load (lab.py writes it); default: the lab on this machine",
        **hidden,
    )
    add("--run-folder", help="save the run in this folder, which exists", **hidden)
    add("--tell", help="file descriptor for progress, one JSON object a line", **hidden)


def plan_of(options: Any, target: Target, producers: int, generators: int = 1) -> Plan:
    """The plan of a run.

    Args:
        options: Locust's parsed options.
        target: What is loaded.
        producers: Locust users.
        generators: Locust processes that have them.

    Raises:
        ConfigError: An option holds what it may not hold.
    """
    duration_s = options.duration or (SOAK_S if options.shape == "soak" else DEFAULT_DURATION_S)
    for name, value, low, high in (
        ("--rate", options.rate, 0.1, MOST_RATE_PER_S),
        ("--batch", options.batch, 1, MAX_BATCH_SAMPLES),
        ("--duration", duration_s, 0.5, 86_400),
        ("--warmup", options.warmup, 0, 600),
        ("--users", producers, 1, MOST_PRODUCERS),
        ("--seed", options.seed, 0, 2**31),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name} {value:g}: expected {low:g} to {high:g}")
    return Plan(
        arm=target.arm,
        protocol=target.protocol,
        store=target.store,
        rate_per_s=options.rate,
        batch=options.batch,
        producers=producers,
        shape=options.shape,
        schedule=options.schedule,
        duration_s=duration_s,
        warmup_s=options.warmup,
        seed=options.seed,
        generators=generators,
    )


def target_of(options: Any, arm: str) -> Target:
    """What to load: the file that was named, else the lab on this machine as `LAB_…` variables or `--host` say.

    Raises:
        LabError: The file holds no target, or an address cannot be read.
    """
    if options.target:
        return read_target(Path(options.target))
    return target_at(Env(), arm, options.host or "")

"""`scenario`: ask for a prediction, break something on purpose, audit, explain.

It plays on the lab that runs in this folder, so that the class sees it on the page; where none runs (or with `--own`)
it starts one with the settings of the script on free ports.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec
from rich.table import Table

from control_plane.client import LabClient
from control_plane.interrupts import run_interruptible
from control_plane.scenarios.play import Outcome, Player
from control_plane.scenarios.quiz import Result, given_answers, results
from control_plane.scenarios.script import Planned, Question, Script, draw, names, read_script
from control_plane.session import running_lab
from control_plane.settings import Settings, command_environ
from control_plane.state import find, read_record
from control_plane.supervisor import Supervisor
from control_plane.terminal import Terminal
from control_plane.up import write_json


@click.command("scenario", short_help="A fault script for class: predict, break, audit, explain.")
@click.argument("name", required=False)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(0, 2**31),
    metavar="N",
    help="draws times and targets",
)
@click.option("--plan", "plan_only", is_flag=True, help="show what would be injected, and stop")
@click.option("--own", is_flag=True, help="start a lab of its own, also where one runs")
@click.option("--answers", metavar="N,N…", help="the predictions, by number; else they are asked for")
@click.option("--no-ask", is_flag=True, help="no predictions")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="write the outcome",
)
def scenario(
    name: str | None,
    seed: int,
    plan_only: bool,
    own: bool,
    answers: str | None,
    no_ask: bool,
    json_path: Path | None,
) -> int:
    """Play the fault script NAME (without a name: list them)."""
    terminal = Terminal()
    if name is None:
        terminal.show(_list())
        return 0
    script = read_script(name)
    schedule = draw(script, name, seed)
    if plan_only:
        terminal.show(_plan(script, schedule))
        return 0
    quiz = _Quiz(script, answers, asks=not no_ask and answers is None)
    terminal.say(script.title, "bold")
    terminal.say(script.lesson)
    quiz.ask("before")
    play = _Play(script, schedule, own, terminal)
    code = anyio.run(play.run)
    if not play.outcome:
        return code
    quiz.ask("after")
    if script.mystery and not play.own:
        anyio.run(play.reveal)
    found = results(script.question, quiz.said, play.outcome.measures)
    _tell(script, schedule, found, terminal)
    write_json(json_path, _as_dict(name, seed, play.outcome, found))
    return code


class _Quiz:
    """Asks on the terminal, outside any event loop."""

    def __init__(self, script: Script, answers: str | None, *, asks: bool) -> None:
        self._questions = script.question
        self._asks = asks
        self.said = given_answers(answers, script.question) if answers is not None else {}

    def ask(self, when: str) -> None:
        """Ask the questions of one moment; Enter alone leaves one out."""
        for question in self._questions if self._asks else ():
            if question.when == when:
                self._ask(question)

    def _ask(self, question: Question) -> None:
        click.echo(f"\n{question.ask}")
        for number, answer in enumerate(question.answers, 1):
            click.echo(f"  {number}  {answer.text}")
        choices = [str(number) for number in range(len(question.answers) + 1)]
        said = click.prompt(
            "Your prediction (0: none)", type=click.Choice(choices), default="0", show_choices=False
        )
        if said != "0":
            self.said[question.ask] = int(said)


class _Play:
    """Finds or starts the lab, and plays on it."""

    def __init__(self, script: Script, schedule: list[Planned], own: bool, terminal: Terminal) -> None:
        self._script, self._schedule = script, schedule
        self._terminal = terminal
        self._settings = Settings.from_environ(command_environ())
        record = read_record(self._settings.state_dir)
        self._record = record if record and find(record.supervisor) else None
        self.own = own or self._record is None
        self.outcome: Outcome | None = None

    async def run(self) -> int:
        """Play; the exit code is 0 where it could be played to its end."""
        if not self.own:
            assert self._record is not None
            await self._play_at(self._record.urls, self._settings.token, drain=False)
            return 0
        return await run_interruptible(self._with_own_lab, self._terminal)

    async def _with_own_lab(self, on_supervisor: Callable[[Supervisor], None]) -> int:
        ours = {
            "LAB_STATE_DIR": str(self._settings.state_dir / "scenario"),
            "LAB_RUN": "",
            "LAB_REDIS_URL": "",
        }
        settings = Settings.from_environ(command_environ() | self._script.lab | ours)
        self._terminal.say("starting a lab for it", "dim")
        async with running_lab(settings, self._terminal.event, on_supervisor) as session:
            self._terminal.say(f"watch it at {session.settings.urls['dashboard']}")
            await self._play_at(session.settings.urls, session.settings.token, drain=True)
        return 0

    async def _play_at(self, urls: dict[str, str], token: str, *, drain: bool) -> None:
        async with LabClient(urls, token) as client:
            player = Player(client, urls, token, self._terminal.say)
            if not drain:
                await player.check_settings(self._script)
            self._terminal.say(f"playing for {self._script.lasts_s:g} s")
            self.outcome = await player.play(self._script, self._schedule, drain=drain)

    async def reveal(self) -> None:
        """Show on the page of the running lab what the hidden fault was."""
        assert self._record is not None
        assert self.outcome is not None
        async with LabClient(self._record.urls, self._settings.token) as client:
            player = Player(client, self._record.urls, self._settings.token, self._terminal.say)
            await player.reveal(self.outcome)


def _list() -> Table:
    table = Table(title="Scenarios: python3 lab.py scenario NAME", title_justify="left")
    for column in ("name", "what it shows", "seconds"):
        table.add_column(column, overflow="fold", justify="right" if column == "seconds" else "left")
    for name in names():
        script = read_script(name)
        table.add_row(name, script.title, f"{script.lasts_s:g}")
    return table


def _plan(script: Script, schedule: list[Planned]) -> Table:
    table = Table(title=script.title, title_justify="left")
    for column in ("at", "fault", "target", "grade", "for"):
        table.add_column(column)
    for planned in schedule:
        grade = "" if planned.grade is None else f"{planned.grade:g}"
        for_s = "" if planned.for_s is None else f"{planned.for_s:g} s"
        table.add_row(f"{planned.at_s:g} s", planned.kind, planned.target, grade, for_s)
    return table


def _tell(script: Script, schedule: list[Planned], found: list[Result], terminal: Terminal) -> None:
    if script.mystery:
        terminal.say(f"\nIt was: {schedule[0].kind} {schedule[0].target}, at {schedule[0].at_s:g} s", "bold")
    for result in found:
        measured = result.measured if isinstance(result.measured, str) else f"{result.measured:,.10g}"
        terminal.say(f"\n{result.ask}", "bold")
        if result.said:
            verdict = "right" if result.ok else "not so"
            terminal.say(f"  you said: {result.said} ({verdict})", "green" if result.ok else "yellow")
        terminal.say(f"  it was:   {result.right or 'none of these'} (measured: {measured})")
        terminal.say(f"  {result.why}")
    answered = [result for result in found if result.said]
    if answered:
        terminal.say(
            f"\n{sum(result.ok for result in answered)} of {len(answered)} predictions were right", "bold"
        )


def _as_dict(name: str, seed: int, outcome: Outcome, found: list[Result]) -> dict[str, Any]:
    counts = {pipeline: part["counts"] for pipeline, part in outcome.audit["pipelines"].items()}
    return {
        "scenario": name,
        "seed": seed,
        "injected": msgspec.to_builtins(outcome.injected),
        "measures": outcome.measures,
        "results": [msgspec.to_builtins(result) | {"ok": result.ok} for result in found],
        "fates": counts,
    }

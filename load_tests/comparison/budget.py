"""Budgets: thresholds in a TOML file that turn a comparison into yes or no.

    [arm.http1]                  # one arm, absolute
    processed_p99 = "<= 50"      # a figure, in its unit: median over the blocks
    lost = 0                     # a count: total over all blocks; a bare number means "at most"
    acked = ">= 10000"

    [ratio.websocket]            # an arm over the baseline
    cpu = "<= 0.5"               # half of the baseline's, or less

Keys under `arm` are the figures of `load_tests/runs/figures.py` and the counts of `Counts` in
`load_tests/runs/schema.py`; under `ratio` those figures that get a verdict. Operators: `<=`, `<`, `>=`, `>`, `=`.

Judged with the interval: a figure or ratio that is over its threshold breaks it only when its whole interval is, and
else holds with a warning, "inside the noise"; a chance result must not stop anybody's work. Counts have no noise. What
was not measured does not hold, and neither does anything of an arm with a block that is void, failed or partial, or of
a comparison that is: it may have left out just the blocks that would have broken the budget. `=` is for counts.

An example to start from: `load_tests/budgets/example.toml`.
"""

from __future__ import annotations

import difflib
import operator
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Struct

from load_tests.comparison.findings import is_valid
from load_tests.comparison.statistics import MIN_ROUNDS, median, paired_interval
from load_tests.runs.figures import BY_KEY, HEADLINE
from load_tests.runs.schema import Comparison, Counts, Ratio, Run
from metrics_core.errors import LabError

Result = Literal["holds", "inside the noise", "broken", "not measured"]

COUNTS: Final = tuple(field.name for field in msgspec.structs.fields(Counts))
_ARM_KEYS: Final = (*BY_KEY, *COUNTS)
_TABLES: Final = ("arm", "ratio")
_THRESHOLD: Final = re.compile(r"\s*(<=|>=|<|>|=)\s*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*")
_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "=": operator.eq,
}  # fmt: skip


class Threshold(Struct, frozen=True, forbid_unknown_fields=True):
    """`operator` is one of `<=`, `<`, `>=`, `>`, `=`."""

    operator: str
    value: float

    def allows(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return _OPERATORS[self.operator](value, self.value)

    def __str__(self) -> str:
        return f"{self.operator} {self.value:g}"


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds by arm and figure.

    Attributes:
        name: Of its file, for messages.
        arms: Absolute.
        ratios: Over the baseline.
    """

    name: str
    arms: dict[str, dict[str, Threshold]]
    ratios: dict[str, dict[str, Threshold]]


class BudgetLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One threshold, checked.

    Attributes:
        where: `arm.http1` or `ratio.websocket`.
        key: Figure or count.
        threshold: As in the file: `<= 50`.
        measured: Median, total or ratio; None where there is none.
        low, high: Its interval; None where it has none (counts).
        result: What came out.
        ok: Whether the budget holds here: `holds` or `inside the noise`.
        note: In words, one sentence.
    """

    where: str
    key: str
    threshold: str
    measured: float | None
    low: float | None
    high: float | None
    result: Result
    ok: bool
    note: str


def read_budget(path: Path) -> Budget:
    """Read and check a budget file.

    Raises:
        LabError: It cannot be read, is no TOML, is empty, or has a key or value that means nothing here; the text names
            the key and the nearest one that is known.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"the budget {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LabError(f"the budget {path} is no text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"the budget {path} is no TOML: {error}") from error
    for key in tables:
        _check_known(path.name, key, key, _TABLES)
    arms = _section(path.name, tables, "arm", _ARM_KEYS)
    ratios = _section(path.name, tables, "ratio", HEADLINE)
    if not any((*arms.values(), *ratios.values())):
        raise LabError(f"the budget {path} holds no threshold; write for example [arm.http1] and lost = 0")
    return Budget(path.name, arms, ratios)


def _section(
    name: str, tables: Mapping[str, Any], table: str, known: Sequence[str]
) -> dict[str, dict[str, Threshold]]:
    section = tables.get(table, {})
    if not isinstance(section, dict):
        raise LabError(f"{name}: {table} is {section!r}, and must be tables like [{table}.http1]")
    found: dict[str, dict[str, Threshold]] = {}
    for arm, lines in section.items():
        if not isinstance(lines, dict):
            raise LabError(
                f"{name}: {table}.{arm} is {lines!r}, and must be a table: write [{table}.http1] above it"
            )
        for key, text in lines.items():
            where = f"{table}.{arm}.{key}"
            _check_known(name, where, key, known)
            found.setdefault(arm, {})[key] = _threshold(name, where, key, text)
    return found


def _check_known(name: str, where: str, key: str, known: Iterable[str]) -> None:
    known = tuple(known)
    if key not in known:
        raise LabError(f"{name}: {where} is not known{_nearest(key, known)}")


def _nearest(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _threshold(name: str, where: str, key: str, text: object) -> Threshold:
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = f"<= {text}"
    match = _THRESHOLD.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise LabError(f'{name}: {where} is {text!r}, and must be a number or a text like "<= 50"')
    if match[1] == "=" and key not in COUNTS:
        raise LabError(
            f'{name}: {where} is {text!r}, but no measured figure is ever exactly that; write "<=" or ">="'
        )
    return Threshold(match[1], float(match[2]))


def check(budget: Budget, comparison: Comparison, runs: Mapping[str, Sequence[Run]]) -> list[BudgetLine]:
    """Hold a comparison against a budget.

    Args:
        budget: From `read_budget`.
        comparison: With its pairs.
        runs: Every block of every arm, by arm.

    Returns:
        One line per threshold; the budget holds when every line is `ok`.

    Raises:
        LabError: It names an arm that was not compared, or a ratio of the baseline to itself.
    """
    baseline = comparison.arms[0]
    for table, named, known in (
        ("arm", budget.arms, comparison.arms),
        ("ratio", budget.ratios, comparison.arms[1:]),
    ):
        for arm in named:
            if table == "ratio" and arm == baseline:
                raise LabError(
                    f"{budget.name}: ratio.{arm} is the baseline, whose ratio to itself is always 1"
                )
            _check_known(budget.name, f"{table}.{arm}", arm, known)
    cut = "" if comparison.status == "complete" else f"the comparison is {comparison.status}"
    lines = []
    for arm, thresholds in budget.arms.items():
        unfit = cut or _unfit(arm, runs)
        for key, threshold in thresholds.items():
            value, interval = (None, None) if unfit else _absolute(runs[arm], key, comparison)
            lines.append(_line(f"arm.{arm}", key, threshold, value, interval, unfit))
    for arm, thresholds in budget.ratios.items():
        unfit = cut or _unfit(baseline, runs) or _unfit(arm, runs)
        ratios = {
            line.figure: line.ratio for pair in comparison.pairs if pair.arm == arm for line in pair.figures
        }
        for key, threshold in thresholds.items():
            ratio = None if unfit else ratios.get(key)
            lines.append(
                _line(f"ratio.{arm}", key, threshold, ratio.estimate if ratio else None, ratio, unfit)
            )
    return lines


def _unfit(arm: str, runs: Mapping[str, Sequence[Run]]) -> str:
    """Why nothing of an arm can hold; empty where it can."""
    blocks = runs.get(arm, ())
    bad = [run for run in blocks if not is_valid(run)]
    if not blocks:
        return f"{arm} has no block"
    if not bad:
        return ""
    states = sorted({run.status if run.status != "complete" else "without a delivered sample" for run in bad})
    return f"{len(bad)} of {len(blocks)} blocks of {arm} are {' or '.join(states)}, and a budget needs all of them"


def _absolute(blocks: Sequence[Run], key: str, comparison: Comparison) -> tuple[float | None, Ratio | None]:
    """A figure's median with the interval of its level, or a count's total, which has none."""
    if key in COUNTS:
        return float(sum(getattr(run.counts, key) for run in blocks)), None
    values = [value for run in blocks if (value := BY_KEY[key].of(run)) is not None]
    middle = median(values)
    if len(values) < MIN_ROUNDS or min(values) <= 0:
        return middle, None
    return middle, paired_interval(np.log(values), 1 - comparison.confidence, comparison.seed).ratio


def _line(
    where: str, key: str, threshold: Threshold, value: float | None, interval: Ratio | None, unfit: str
) -> BudgetLine:
    def line(result: Result, note: str) -> BudgetLine:
        low, high = (interval.low, interval.high) if interval else (None, None)
        ok = result in ("holds", "inside the noise")
        return BudgetLine(where, key, str(threshold), value, low, high, result, ok, note)

    if unfit or value is None:
        return line("not measured", unfit or "it was not measured, and what was not measured does not hold")
    if threshold.allows(value):
        return line("holds", f"{value:.4g} is {threshold}")
    if interval and (threshold.allows(interval.low) or threshold.allows(interval.high)):
        found = f"{value:.4g} is not {threshold}, but anything from {interval.low:.4g} to {interval.high:.4g}"
        return line("inside the noise", f"{found} would look like this: a warning")
    return line("broken", f"{value:.4g} is not {threshold}")

"""The fairness panel: in what two runs differ, and whether a difference may be put down to one factor.

Some factors follow from others: without Redis there is no fsync, there are no workers, and an acknowledgement can
promise no more than memory. A difference that follows from another that is there too is shown, but not counted. What
is left must be exactly one factor; else nothing is put down to any, and the crossover arm is named that would tell
them apart.

Not here: figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from load_tests.runs.schema import Difference, Run

ARMS: Final = {
    ("http1", "redis"): "http1",
    ("http2", "redis"): "http2",
    ("websocket", "memory"): "websocket",
    ("http1", "memory"): "http1-memory",
    ("http2", "memory"): "http2-memory",
    ("websocket", "redis"): "websocket-redis",
}
"""Arms by protocol and store; the last three are crossovers."""


class _Factor(NamedTuple):
    """A line of the panel.

    Attributes:
        name: As shown.
        of: Its value, as shown.
        effect: What a difference may do, one sentence.
        follows: Factors of which one that differs explains a difference here.
    """

    name: str
    of: Callable[[Run], str]
    effect: str
    follows: tuple[str, ...] = ()


def _on(value: bool) -> str:
    return "on" if value else "off"


def _versions(run: Run) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(run.setup.versions.items()))


_FACTORS: Final = (
    _Factor("protocol", lambda run: run.plan.protocol,
            "Each protocol has its own bytes and its own work per send."),
    _Factor("negotiated", lambda run: run.setup.negotiated or "unknown",
            "The connections spoke different protocol versions, whatever was asked for.", ("protocol",)),
    _Factor("store", lambda run: run.plan.store,
            "Redis is one more process to go through, and its disk; memory is neither, and is gone after a crash."),
    _Factor("acknowledgement", lambda run: run.setup.acknowledgement,
            "Accepted latencies do not mean the same: a stronger promise takes longer to give.", ("store", "fsync")),
    _Factor("fsync", lambda run: run.setup.fsync,
            "Waiting for the disk makes each commit slower; not waiting can lose acknowledged samples.", ("store",)),
    _Factor("workers", lambda run: f"{run.setup.workers}",
            "More workers can process more at once, and use more processor time.", ("store",)),
    _Factor("ingest processes", lambda run: f"{run.setup.ingest_processes}",
            "More ingest processes can accept more at once, and use more memory.", ("store",)),
    _Factor("processes", lambda run: f"{run.setup.processes}",
            "Each process needs memory of its own and competes for the same cores.",
            ("store", "workers", "ingest processes")),
    _Factor("batch", lambda run: f"{run.plan.batch} per send",
            "A larger batch shares one send's cost among more samples; each waits until its batch is full."),
    _Factor("producers", lambda run: f"{run.plan.producers} connections",
            "More connections mean more bookkeeping, and smaller shares of the rate on each."),
    _Factor("rate", lambda run: f"{run.plan.rate_per_s:g} samples/s",
            "At a higher rate samples wait longer, and fixed costs are shared among more of them."),
    _Factor("shape", lambda run: run.plan.shape,
            "Bursts make queues that the same number of samples in an even flow does not."),
    _Factor("schedule", lambda run: run.plan.schedule,
            "Random send times meet more often than even ones, so more samples wait."),
    _Factor("duration", lambda run: f"{run.plan.duration_s:g} s after {run.plan.warmup_s:g} s of warm-up",
            "A longer run sees more rare events, so its p99 and its memory tend to be higher."),
    _Factor("generator processes", lambda run: f"{run.plan.generators}",
            "The generator takes processor time too, on the same machine."),
    _Factor("compression", lambda run: run.setup.compression,
            "Compression trades processor time for fewer bytes."),
    _Factor("TLS", lambda run: _on(run.setup.tls),
            "Encryption costs processor time, a longer handshake and some bytes per record."),
    _Factor("background load", lambda run: f"{run.setup.background_per_s:g} samples/s",
            "Other producers used the same pipeline meanwhile; their cost is in the bill."),
    _Factor("lab", lambda run: "started for this run" if run.setup.own_lab else "ran already",
            "A lab that ran already holds older samples, and its processes are warm.", ("background load",)),
    _Factor("machine", lambda run: f"{run.machine.cpu}, {run.machine.cores} cores ({run.machine.id})",
            "Times, processor time and memory of different machines cannot be compared."),
    _Factor("seed", lambda run: f"{run.plan.seed}",
            "Send times and readings were drawn differently; small, and no arm gains by it."),
    _Factor("build", lambda run: run.setup.build,
            "Different code was measured."),
    _Factor("revision", lambda run: run.setup.revision or "unknown",
            "Different code was measured.", ("build",)),
    _Factor("versions", _versions,
            "Other library or server versions can be faster or slower by themselves."),
)  # fmt: skip

_FOLLOWS: Final = {factor.name: factor.follows for factor in _FACTORS}


def differences(a: Run, b: Run) -> list[Difference]:
    """Every line of the panel, the ones that agree too.

    Versions differ only where both runs name the same library with another version: that an arm without Redis names
    no Redis is no difference of versions.

    Args:
        a: A run of the baseline.
        b: One of the arm.
    """
    lines = []
    for factor in _FACTORS:
        baseline, arm = factor.of(a), factor.of(b)
        differs = baseline != arm
        if factor.name == "versions":
            baseline, arm, differs = _compare_versions(a.setup.versions, b.setup.versions)
        lines.append(Difference(factor.name, baseline, arm, differs, factor.effect if differs else ""))
    return lines


def _compare_versions(a: dict[str, str], b: dict[str, str]) -> tuple[str, str, bool]:
    other = sorted(name for name in a.keys() & b.keys() if a[name] != b[name])
    if not other:
        return "the same", "the same", False
    return (
        ", ".join(f"{name} {a[name]}" for name in other),
        ", ".join(f"{name} {b[name]}" for name in other),
        True,
    )


def attribution(differences: Sequence[Difference]) -> tuple[str, bool]:
    """To what differences of figures may be put down, in one or two sentences; and whether it is one factor."""
    lines = {line.factor: line for line in differences}
    differing = [name for name, line in lines.items() if line.differs]
    counted = [name for name in differing if not any(cause in differing for cause in _FOLLOWS.get(name, ()))]
    if not counted:
        return (
            "Nothing that is recorded differs, so a difference would be chance, or something not recorded.",
            False,
        )
    if "machine" in counted:
        return (
            "They ran on different machines, so a difference of times and costs can be put down to nothing.",
            False,
        )
    if len(counted) == 1:
        line = lines[counted[0]]
        text = f"Only the {line.factor} differs ({line.baseline} → {line.arm}), so differences may be put down to it"
        following = [name for name in differing if name not in counted]
        return f"{text}{f', with what follows from it: {_listed(following)}' if following else ''}.", True
    several = _listed(counted)
    text = f"{several[0].upper()}{several[1:]} differ, so a difference can be put down to none of them alone."
    return f"{text} {_advice(lines, counted)}", False


def _advice(lines: dict[str, Difference], counted: list[str]) -> str:
    """What to run in order to tell the factors apart."""
    others = [name for name in counted if name not in ("protocol", "store")]
    advice = []
    if others:
        advice.append(f"Run both arms with the same {_listed(others)}.")
    if "protocol" in counted and "store" in counted:
        protocol, store = lines["protocol"], lines["store"]
        same_store = ARMS.get((protocol.arm, store.baseline))
        same_protocol = ARMS.get((protocol.baseline, store.arm))
        arms = [
            f"{name} ({other} of the baseline, {changed} of the arm)"
            for name, other, changed in (
                (same_protocol, "protocol", "store"),
                (same_store, "store", "protocol"),
            )
            if name
        ]
        if arms:
            advice.append(f"To tell protocol and store apart, add the crossover arm {' or '.join(arms)}.")
    return " ".join(advice)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

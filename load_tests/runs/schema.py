"""What a load run and a comparison leave on disk. Every report is made from these, and from nothing else.

One folder per run::

    run.json          Run: what was asked, against what, what came out
    histograms.json   {name: [[bucket, count], …]}, names in HISTOGRAMS
    series.json       Series: one entry per second
    ledger.json       {"created" | "acked" | "rejected" | "processed": {producer: {epoch: [[low, high], …]}}}

One folder per comparison::

    comparison.json   Comparison
    blocks/NN-ARM/    a run folder for each block, in the order in which they ran
    report.html …     see `load_tests/reports`

Times are µs since 1970, latencies ms, rates per second, sizes bytes, unless a name says otherwise.

Long because: it is the one list of fields with their meaning; a reader of a file on disk wants one page.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct, field

SCHEMA: Final = 1

CLOCKS: Final = ("accepted", "processed", "visible")
HISTOGRAMS: Final = (
    "accepted", "accepted_uncorrected", "processed", "visible", "visible_uncorrected", "lateness",
)  # fmt: skip
"""Latencies in µs. `lateness`: how much later than meant the generator sent."""

Status = Literal["complete", "partial", "failed", "void"]
"""`partial`: interrupted, what was measured is kept. `failed`: the pipeline broke down. `void`: the generator did."""

Protocol = Literal["http1", "http2", "websocket"]
Store = Literal["redis", "memory"]
Intervals = dict[str, dict[str, list[list[int]]]]
"""The ledger's wire form: producer, epoch, intervals of sequence numbers."""


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked for.

    Attributes:
        arm: Name of what was measured: `http1`, `http2`, `websocket`, or a crossover (`http1-memory`,
            `websocket-redis`), with the settings that were added to it (`http1:workers=4`).
        protocol: What the producers speak.
        store: What is behind the ingest.
        rate_per_s: Samples per second offered, all producers together, before the shape.
        batch: Samples per send.
        producers: Producers, each with one connection and an identity of its own.
        shape: How the rate moves over time (`load_tests/generator/shapes.py`).
        schedule: How the intended send times are drawn.
        duration_s: Measured part, without warm-up.
        warmup_s: Before it, not counted.
        seed: Of the schedule and the readings.
        generators: Locust processes.
    """

    arm: str
    protocol: Protocol
    store: Store
    rate_per_s: float
    batch: int
    producers: int
    shape: str
    schedule: Literal["constant", "poisson"]
    duration_s: float
    warmup_s: float
    seed: int
    generators: int = 1


class Setup(Struct, frozen=True, forbid_unknown_fields=True):
    """What it ran against. Two runs that differ here (or in `Plan`) differ in more than one factor.

    Attributes:
        acknowledgement: What an acknowledgement promises: `on disk`, `in Redis`, `in memory`.
        fsync: Redis `appendfsync`; `none` where there is no Redis.
        workers: RQ workers.
        ingest_processes: Ingest processes.
        processes: All processes of the pipeline, the store included.
        compression: Of bodies and frames.
        tls: Whether connections are encrypted.
        negotiated: The protocol version that the connections really spoke: `HTTP/1.1`, `HTTP/2`, `WebSocket 13`.
        build: Which code: `this folder`, or the folder that was named.
        revision: Its git revision, `-dirty` added where the code differs from it; empty: unknown.
        own_lab: Whether the measurement started the pipeline for itself; else it used a lab that ran already.
        background_per_s: Samples per second of other producers during the run (the fleet of a lab that ran already).
        versions: Library and server versions.
    """

    acknowledgement: str
    fsync: str
    workers: int
    ingest_processes: int
    processes: int
    compression: str
    tls: bool
    negotiated: str
    build: str
    revision: str
    own_lab: bool
    background_per_s: float
    versions: dict[str, str]


class Machine(Struct, frozen=True, forbid_unknown_fields=True):
    """Where it ran. `id` is a hash of the rest and the host's name, which itself is not kept."""

    id: str
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    python: str


class Counts(Struct, forbid_unknown_fields=True):
    """Samples of the measured part by fate. created = acked + rejected + refused + unanswered.

    Attributes:
        created: Made by the generator.
        acked: Acknowledged (202, or an ack).
        rejected: Refused for good, by name (4xx, `reject`).
        refused: Refused for now (429, 503), not sent again by the generator.
        unanswered: The connection broke before an answer.
        processed: In the aggregates, whether acknowledged or not.
        lost: Acknowledged and not processed.
        duplicates: Repeats that the pipeline counted meanwhile.
        late: Processed too late for their window.
    """

    created: int = 0
    acked: int = 0
    rejected: int = 0
    refused: int = 0
    unanswered: int = 0
    processed: int = 0
    lost: int = 0
    duplicates: int = 0
    late: int = 0


class Quantiles(Struct, forbid_unknown_fields=True):
    """Of one histogram, in ms."""

    n: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Clock(Struct, forbid_unknown_fields=True):
    """One of the three clocks, counted from the intended send time.

    Attributes:
        corrected: From the intended send time.
        uncorrected: From the moment it was really sent: what a closed-model tool would show. None where nobody can
            know it (processed).
    """

    corrected: Quantiles
    uncorrected: Quantiles | None = None


class ProcessCost(Struct, forbid_unknown_fields=True):
    """One process over the measured part, drain included.

    Attributes:
        name: As in the feeds.
        user_s, system_s: Processor time.
        rss_bytes: Resident memory, the highest seen.
        switches_voluntary, switches_involuntary: Context switches.
    """

    name: str
    user_s: float
    system_s: float
    rss_bytes: int
    switches_voluntary: int
    switches_involuntary: int


class Wire(Struct, forbid_unknown_fields=True):
    """Bytes between producers and pipeline as IP packets: payload, and TCP and IP headers from the kernel's counts.

    Attributes:
        sent_payload, received_payload: What the sockets carried: bodies, headers, frames.
        sent_bytes, received_bytes: The same as IP packets, acknowledgements included.
        handshake_bytes: What opening and closing the connections cost, both directions, as IP packets (before and
            after the measured part, so not part of the others).
        connections: How many.
        source: How it was counted: `TCP_INFO`, or `channel` where the kernel does not tell (then only payloads).
    """

    sent_payload: int
    received_payload: int
    sent_bytes: int
    received_bytes: int
    handshake_bytes: int
    connections: int
    source: str


class RedisCost(Struct, forbid_unknown_fields=True):
    """What Redis did over the measured part.

    Attributes:
        commands: Commands processed.
        transactions: EXEC calls.
        input_bytes, output_bytes: On its connections.
        aof_bytes: Growth of the append-only file.
        flushes: Disk flushes of the device meanwhile (Linux: the whole machine's); None where unknown.
    """

    commands: int
    transactions: int
    input_bytes: int
    output_bytes: int
    aof_bytes: int
    flushes: int | None


class Cost(Struct, forbid_unknown_fields=True):
    """The bill of the measured part, not yet divided by delivered samples.

    Attributes:
        seconds: Length of the part that was billed.
        processes: Each process of the pipeline, workers and Redis included; empty where they cannot be seen.
        wire: Between producers and pipeline.
        redis: None where there is none, or it cannot be asked.
        note: What is missing and why; empty: nothing.
    """

    seconds: float
    processes: list[ProcessCost]
    wire: Wire
    redis: RedisCost | None = None
    note: str = ""


class Generator(Struct, forbid_unknown_fields=True):
    """How the measuring side did.

    Attributes:
        cpu_percent: Processor time of the busiest generator process (observer included), percent of one core.
        cpu_percent_total: Of all of them.
        lateness_p50_ms, lateness_p99_ms: How much later than meant it came to a sample.
        late_limit_ms: p50 above this makes the run void.
        cpu_limit_percent: Busiest process above this makes the run void.
        locust_requests, locust_failures: Locust's own count.
    """

    cpu_percent: float
    cpu_percent_total: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    late_limit_ms: float
    cpu_limit_percent: float
    locust_requests: int
    locust_failures: int


class Event(Struct, forbid_unknown_fields=True):
    """A marker on the time series: `at_s` seconds after the start of the measured part."""

    at_s: float
    text: str


class Series(Struct, forbid_unknown_fields=True):
    """One entry per second of the measured part, then one per second of drain; None where nothing was seen.

    Attributes:
        t_s: End of each second, from the start of the measured part.
        created_per_s, acked_per_s, refused_per_s: By the generator.
        processed_per_s: By the pipeline's histogram.
        accepted_p50_ms … visible_p99_ms: Of what was answered (processed, seen) in that second, corrected.
        backlog: Jobs or samples that wait inside the pipeline, from its feed.
        cpu_percent: By process name, percent of one core; the generator's under `generator`.
        rss_bytes: By process name.
    """

    t_s: list[float] = field(default_factory=list)
    created_per_s: list[float] = field(default_factory=list)
    acked_per_s: list[float] = field(default_factory=list)
    refused_per_s: list[float] = field(default_factory=list)
    processed_per_s: list[float | None] = field(default_factory=list)
    accepted_p50_ms: list[float | None] = field(default_factory=list)
    accepted_p99_ms: list[float | None] = field(default_factory=list)
    processed_p50_ms: list[float | None] = field(default_factory=list)
    processed_p99_ms: list[float | None] = field(default_factory=list)
    visible_p50_ms: list[float | None] = field(default_factory=list)
    visible_p99_ms: list[float | None] = field(default_factory=list)
    backlog: list[float | None] = field(default_factory=list)
    cpu_percent: dict[str, list[float | None]] = field(default_factory=dict)
    rss_bytes: dict[str, list[float | None]] = field(default_factory=dict)


class Run(Struct, forbid_unknown_fields=True):
    """`run.json`.

    Attributes:
        id: Name of its folder.
        started_at_us: Start of the measured part.
        status: Whether its figures stand; `reasons` says why not.
        clocks: By name (`CLOCKS`); one that could not be measured is left out.
        missing: The lost identities.
    """

    id: str
    started_at_us: int
    status: Status
    reasons: list[str]
    plan: Plan
    setup: Setup
    machine: Machine
    counts: Counts
    missing: Intervals
    clocks: dict[str, Clock]
    cost: Cost
    generator: Generator
    events: list[Event]
    schema: int = SCHEMA
    kind: Literal["run"] = "run"


# -- comparisons ----------------------------------------------------------------------------------------------------

Verdict = Literal["better", "worse", "tie", "too noisy", "not measured"]
"""Of an arm against its baseline. `too noisy`: this machine is too noisy to say."""


class Ratio(Struct, frozen=True, forbid_unknown_fields=True):
    """An arm's value over its baseline's, with its interval; 1 is no difference."""

    estimate: float
    low: float
    high: float


class FigureVerdict(Struct, forbid_unknown_fields=True):
    """One figure of one arm against its baseline.

    Attributes:
        figure: Key of `load_tests/runs/figures.py`.
        baseline, arm: Medians over the blocks, in the figure's unit; None where it was not measured.
        ratio: None where it cannot be formed.
        floor: The ratio (above 1) that identical arms reach by chance on this machine; None where not measured.
        verdict: See `Verdict`.
        note: In words, one sentence.
    """

    figure: str
    baseline: float | None
    arm: float | None
    ratio: Ratio | None
    floor: float | None
    verdict: Verdict
    note: str


class Difference(Struct, forbid_unknown_fields=True):
    """A line of the fairness panel: something in which two arms differ, or could have.

    Attributes:
        factor: Its name: `protocol`, `store`, `acknowledgement`, `batch`, `fsync`, …
        baseline, arm: As shown.
        differs: Whether they do.
        effect: What such a difference may do to the figures, one sentence; empty where they agree.
    """

    factor: str
    baseline: str
    arm: str
    differs: bool
    effect: str = ""


class Pair(Struct, forbid_unknown_fields=True):
    """One arm against the baseline.

    Attributes:
        attribution: To what the differences may be put down: the one factor that differs, or why to none.
        attributable: Whether it is one factor.
    """

    baseline: str
    arm: str
    figures: list[FigureVerdict]
    fairness: list[Difference]
    attribution: str
    attributable: bool


class Effect(Struct, forbid_unknown_fields=True):
    """One effect of the 2 × 2 on one figure, as a ratio: 1 is none.

    Attributes:
        factor: `transport` (WebSocket over HTTP), `store` (memory over Redis) or `interaction`.
    """

    figure: str
    factor: Literal["transport", "store", "interaction"]
    ratio: Ratio
    verdict: Verdict
    note: str


class Comparison(Struct, forbid_unknown_fields=True):
    """`comparison.json`.

    Attributes:
        arms: In the order given; the first is the baseline.
        blocks: Folder names of the runs, by arm, in the order in which they ran.
        order: The arms in the order in which the blocks ran.
        noise_blocks: Folder names of the A/A runs, in order; their arm is the baseline.
        interleaved: False where runs were compared that already existed.
        confidence: Of all intervals of a pair together.
        findings: What a reader must know first: losses, voids, warnings; worst first.
        effects: The 2 × 2, empty where the four arms are not there.
        command: How to repeat it.
    """

    id: str
    started_at_us: int
    ended_at_us: int
    status: Status
    findings: list[str]
    arms: list[str]
    blocks: dict[str, list[str]]
    order: list[str]
    noise_blocks: list[str]
    interleaved: bool
    rounds: int
    seed: int
    confidence: float
    pairs: list[Pair]
    effects: list[Effect]
    command: str
    schema: int = SCHEMA
    kind: Literal["comparison"] = "comparison"

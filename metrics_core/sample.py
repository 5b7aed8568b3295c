"""A sample: one reading of one server, and its identity.

The identity `(producer, epoch, seq)` is what every guarantee of the lab is stated on. `epoch` is the producer's start
in µs since 1970, `seq` counts from 0 without gaps; a restarted producer has a new epoch.

Not here: bytes (see `wire.py`), and what becomes of samples (see `summary.py`, `intervals.py`).
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from metrics_core.limits import MAX_EXACT_INTEGER

ProducerName = Annotated[str, Meta(min_length=1, max_length=64)]
ExactInteger = Annotated[int, Meta(ge=0, lt=MAX_EXACT_INTEGER)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Rate = ExactInteger | Annotated[float, Meta(ge=0, lt=MAX_EXACT_INTEGER)]


class Sample(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One reading of one server.

    Attributes:
        producer: Name of the server, 1–64 of `[A-Za-z0-9._-]`.
        epoch: Start of the producer, µs since 1970.
        seq: Number of the sample within its epoch, from 0.
        sampled_at_us: When the reading was taken (under load: was meant to be taken), µs since 1970.
        cpu_percent: Processor use, 0–100.
        memory_percent: Memory use, 0–100.
        disk_percent: Disk use, 0–100.
        net_rx_bytes_per_s: Bytes received per second, below 2^53.
        net_tx_bytes_per_s: Bytes sent per second, below 2^53.
    """

    producer: ProducerName
    epoch: ExactInteger
    seq: ExactInteger
    sampled_at_us: ExactInteger
    cpu_percent: Percent
    memory_percent: Percent
    disk_percent: Percent
    net_rx_bytes_per_s: Rate
    net_tx_bytes_per_s: Rate


PERCENTS: Final = ("cpu_percent", "memory_percent", "disk_percent")
RATES: Final = ("net_rx_bytes_per_s", "net_tx_bytes_per_s")
METRICS: Final = PERCENTS + RATES

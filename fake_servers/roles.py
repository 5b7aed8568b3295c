"""What kinds of servers there are, and which kind the n-th one is. Pure.

The figures are characters, not measurements: a web server breathes with the day and with its visitors, a
database fills its disk, a cache sits on its memory, a worker is busy with CPU, a batch server sleeps and then
runs a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Role:
    """The character of one kind of server.

    Attributes:
        name: First part of the server's name.
        cpu_percent: CPU use at the quietest and at the busiest time of day.
        cpu_noise: Standard deviation of the CPU's correlated noise, in percentage points.
        peak: Busiest time, as a fraction of the day.
        memory_percent: Memory use after a restart, and before the next one (it leaks in between).
        restart_s: Mean time from one restart to the next, in seconds.
        disk_percent: Disk use after it was cleaned, and before the next cleaning.
        clean_s: Mean time from one cleaning to the next, in seconds.
        net_rx_bytes_per_s: Bytes received per second at full activity.
        net_tx_bytes_per_s: Bytes sent per second at full activity.
        job_percent: CPU that a periodic job adds, in percentage points; 0 where there is none.
        job_every_s: From the start of one job to the start of the next; a job runs for a quarter of it.
    """

    name: str
    cpu_percent: tuple[float, float]
    cpu_noise: float
    peak: float
    memory_percent: tuple[float, float]
    restart_s: float
    disk_percent: tuple[float, float]
    clean_s: float
    net_rx_bytes_per_s: float
    net_tx_bytes_per_s: float
    job_percent: float = 0.0
    job_every_s: float = 240.0


WEB: Final = Role("web", (12, 48), 6, 0.60, (34, 62), 1500, (22, 58), 3600, 400_000, 2_600_000)
DB: Final = Role("db", (18, 42), 4, 0.62, (61, 78), 5400, (41, 91), 2700, 900_000, 1_400_000)
CACHE: Final = Role("cache", (6, 18), 2, 0.60, (55, 93), 2400, (11, 19), 7200, 3_200_000, 5_800_000)
WORKER: Final = Role("worker", (35, 68), 9, 0.66, (28, 71), 900, (30, 66), 3000, 700_000, 250_000, 12, 90)
BATCH: Final = Role("batch", (3, 7), 1.5, 0.10, (18, 44), 1200, (25, 83), 1800, 120_000, 90_000, 70, 240)

_CYCLE: Final = (WEB, DB, WEB, CACHE, WORKER, WEB, BATCH, WEB, WORKER, DB)


def server_at(index: int) -> tuple[str, Role]:
    """The name and the role of the server number `index`; they do not depend on how many there are.

    Returns:
        For 0, 1, 2 …: `web-01`, `db-01`, `web-02`, `cache-01`, `worker-01`, `web-03`, …
    """
    role = _CYCLE[index % len(_CYCLE)]
    rounds, place = divmod(index, len(_CYCLE))
    number = rounds * _CYCLE.count(role) + _CYCLE[: place + 1].count(role)
    return f"{role.name}-{number:02d}", role

"""What a virtual server reads off itself: CPU, memory, disk and network at a time. Pure and seeded.

The same seed, name and times give the same values, in every run and on every machine: there is no clock and
no shared random state here. Times are seconds since the server's start and do not go back.

* A day's curve. Simplification: a day lasts `DAY_S`, so that a class sees one.
* Correlated noise: an Ornstein-Uhlenbeck process in its exact discretisation (D. Gillespie, Phys. Rev. E 54,
  1996), so its character does not depend on how often it is read. Slow noise is shared by CPU and network.
* Spikes: a Poisson process with its own random stream; they come at the same times whatever the sampling
  rate. A spike lifts the CPU and carries the network with it.
* Memory leaks until a restart; a disk fills until it is cleaned.
* On demand: one more spike (`spike`), and CPU and memory held high for a time (`hold`).
"""

from __future__ import annotations

from math import cos, exp, inf, pi, sqrt
from random import Random
from typing import Final, NamedTuple, Protocol

from fake_servers.roles import Role

DAY_S: Final = 3600.0
"""Length of a lab day in seconds."""

_SLOW_S, _FAST_S = 120.0, 6.0  # time constants of the noise
_SPIKE_S = (8.0, 25.0)  # shortest and longest spike
RISE_S: Final = 2.0
"""A spike rises and falls this fast, in seconds: one shorter than twice that does not reach its height."""

_MOST_SPIKES = 20  # at once
_NETWORK_PER_POINT = 0.06  # a spike of 50 points is four times the network traffic


class Reading(NamedTuple):
    """One look at a server: what a sample says besides whose it is and when it was taken."""

    cpu_percent: float
    memory_percent: float
    disk_percent: float
    net_rx_bytes_per_s: int
    net_tx_bytes_per_s: int


class Source(Protocol):
    """Something that can be read: a virtual server (`Signals`) or this machine (`real.ThisMachine`)."""

    def read(self, at_s: float) -> Reading:
        """The values at `at_s` seconds since the source's start."""


class _Spike(NamedTuple):
    start_s: float
    end_s: float
    points: float

    def points_at(self, at_s: float) -> float:
        return self.points * max(0.0, min(1.0, (at_s - self.start_s) / RISE_S, (self.end_s - at_s) / RISE_S))


class _Held(NamedTuple):
    until_s: float
    percent: float


class Signals:
    """The signals of one virtual server.

    Args:
        seed: Seed of the fleet.
        name: Name of the server; with the seed it decides everything.
        role: Its character.
        spike_rate: CPU spikes per hour, on average.
        spike_height: Height of a CPU spike in percentage points; single spikes vary by a fifth around it.
    """

    __slots__ = (
        "_at_s", "_clean_s", "_day_shift", "_disk_shift", "_fast", "_gauss", "_held", "_job_shift", "_memory_shift",
        "_next_spike_s", "_restart_s", "_role", "_scale", "_slow", "_spike_height", "_spike_random",
        "_spike_rate_s", "_spikes",
    )  # fmt: skip

    def __init__(self, seed: int, name: str, role: Role, spike_rate: float, spike_height: float) -> None:
        random = Random(f"{seed}/{name}")  # a text seeds it the same way on every machine
        self._gauss = random.gauss
        self._role = role
        self._day_shift = role.peak + random.uniform(-0.05, 0.05)
        self._scale = random.uniform(0.75, 1.25)  # no two servers of a role are equally busy
        self._restart_s = role.restart_s * random.uniform(0.8, 1.2)
        self._clean_s = role.clean_s * random.uniform(0.8, 1.2)
        self._memory_shift, self._disk_shift, self._job_shift = (
            random.random(),
            random.random(),
            random.random(),
        )
        self._slow, self._fast = (
            random.gauss(0, 1),
            random.gauss(0, 1),
        )  # stationary from the first reading on
        self._at_s = 0.0
        self._spike_random = Random(f"{seed}/{name}/spikes")
        self._spike_rate_s, self._spike_height = spike_rate / 3600, spike_height
        self._spikes: list[_Spike] = []
        self._held = _Held(0.0, 0.0)
        self._next_spike_s = self._gap_s()

    def spike(self, at_s: float, height: float, for_s: float) -> None:
        """Add a CPU spike that begins at `at_s`, of `height` percentage points and `for_s` seconds."""
        self._spikes = [*self._spikes[-_MOST_SPIKES:], _Spike(at_s, at_s + for_s, height)]

    def hold(self, until_s: float, percent: float) -> None:
        """Let neither CPU nor memory be below `percent` until `until_s`."""
        self._held = _Held(until_s, percent)

    def read(self, at_s: float) -> Reading:
        """The values at `at_s`, rounded to 1/100 % and whole bytes per second."""
        role = self._role
        self._step_noise(at_s)
        spike = self._spike_points(at_s)
        day = 0.5 + 0.5 * cos(
            2 * pi * (at_s / DAY_S + 0.35 - self._day_shift)
        )  # the lab day starts in the morning
        noise = 0.8 * self._slow + 0.6 * self._fast
        quiet, busy = role.cpu_percent
        job = 0.0
        if role.job_percent and (at_s / role.job_every_s + self._job_shift) % 1 < 0.25:
            job = role.job_percent
        cpu = (quiet + (busy - quiet) * day) * self._scale + role.cpu_noise * noise + job + spike
        leaked = (at_s / self._restart_s + self._memory_shift) % 1
        low, high = role.memory_percent
        memory = low + (high - low) * leaked + 0.4 * self._fast + 0.05 * spike
        filled = (at_s / self._clean_s + self._disk_shift) % 1
        low, high = role.disk_percent
        disk = low + (high - low) * filled
        held = self._held.percent if at_s < self._held.until_s else 0.0
        gauss = self._gauss
        traffic = (
            (0.15 + 0.85 * day)
            * self._scale
            * exp(0.25 * noise)
            * (1 + _NETWORK_PER_POINT * spike + job / 50)
        )
        return Reading(
            _percent(max(cpu, held)),
            _percent(max(memory, held)),
            _percent(disk),
            int(role.net_rx_bytes_per_s * traffic * exp(gauss(0, 0.08))),
            int(role.net_tx_bytes_per_s * traffic * exp(gauss(0, 0.08))),
        )

    def _step_noise(self, at_s: float) -> None:
        elapsed_s, self._at_s = at_s - self._at_s, at_s
        gauss = self._gauss
        keep = exp(-elapsed_s / _SLOW_S)
        self._slow = self._slow * keep + sqrt(1 - keep * keep) * gauss(0, 1)
        keep = exp(-elapsed_s / _FAST_S)
        self._fast = self._fast * keep + sqrt(1 - keep * keep) * gauss(0, 1)

    def _spike_points(self, at_s: float) -> float:
        while self._next_spike_s <= at_s:
            start_s, random = self._next_spike_s, self._spike_random
            end_s, points = start_s + random.uniform(*_SPIKE_S), self._spike_height * random.uniform(0.8, 1.2)
            if end_s > at_s:
                self._spikes.append(_Spike(start_s, end_s, points))
            self._next_spike_s = start_s + self._gap_s()
        if not self._spikes:
            return 0.0
        self._spikes = [spike for spike in self._spikes if spike.end_s > at_s]
        return sum(spike.points_at(at_s) for spike in self._spikes)

    def _gap_s(self) -> float:
        return self._spike_random.expovariate(self._spike_rate_s) if self._spike_rate_s else inf


def _percent(value: float) -> float:
    return round(min(100.0, max(0.0, value)), 2)

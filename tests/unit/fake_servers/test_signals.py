"""The signals look like servers, and the same seed, name and times give the same values."""

from __future__ import annotations

import itertools
from statistics import mean, pstdev
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_servers.roles import BATCH, CACHE, DB, WEB, WORKER, Role, server_at
from fake_servers.signals import DAY_S, Reading, Signals
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder, encode_batch

ROLES = (WEB, DB, CACHE, WORKER, BATCH)
PINNED = [
    Reading(27.67, 61.96, 41.54, 199182, 1412893),
    Reading(28.82, 62.05, 41.55, 256620, 1324663),
    Reading(30.56, 62.3, 41.56, 239642, 1377235),
]


def readings(
    role: Role = WEB,
    name: str = "web-01",
    seed: int = 1,
    seconds: int = 3600,
    rate: float = 12,
    height: float = 45,
) -> list[Reading]:
    signals = Signals(seed, name, role, rate, height)
    return [signals.read(float(second)) for second in range(seconds)]


def correlation(one: list[float], other: list[float]) -> float:
    middle, other_middle = mean(one), mean(other)
    shared = mean((a - middle) * (b - other_middle) for a, b in zip(one, other, strict=True))
    return shared / (pstdev(one) * pstdev(other))


def test_the_same_seed_and_name_give_the_same_values() -> None:
    assert readings() == readings()


def test_values_are_pinned_across_machines_and_versions() -> None:
    signals = Signals(1, "web-01", WEB, 12, 45)
    assert [signals.read(at_s) for at_s in (0.0, 1.0, 2.0)] == PINNED


def test_another_seed_or_name_gives_other_values() -> None:
    assert readings(seconds=10) != readings(seconds=10, seed=2)
    assert readings(seconds=10) != readings(seconds=10, name="web-02")


def test_servers_share_no_random_state() -> None:
    alone = readings(seconds=50)
    one, other = Signals(1, "web-01", WEB, 12, 45), Signals(1, "web-02", WEB, 12, 45)
    side_by_side = []
    for second in range(50):
        side_by_side.append(one.read(float(second)))
        other.read(float(second))
    assert side_by_side == alone


@given(st.sampled_from(ROLES), st.integers(0, 1000), st.floats(0, 3600), st.floats(0, 100))
@settings(max_examples=40, deadline=None)
def test_every_reading_is_a_valid_sample(role: Role, seed: int, rate: float, height: float) -> None:
    decode = BatchDecoder().decode
    for seq, reading in enumerate(readings(role, role.name, seed, 60, rate, height)):
        sample = Sample(role.name, 1, seq, 1, *reading)
        assert decode(encode_batch([sample])) == [sample]
        assert all(round(percent, 2) == percent for percent in reading[:3])
        assert all(type(speed) is int for speed in reading[3:])


def test_without_spikes_nothing_comes_near_their_height() -> None:
    calm = [reading.cpu_percent for reading in readings(DB, "db-01", rate=0)]
    high = [reading.cpu_percent for reading in readings(DB, "db-01", rate=60, height=60)]
    assert max(calm) < 75 < max(high)


def test_spike_height_zero_means_no_spikes() -> None:
    assert readings(rate=60, height=0) == readings(rate=0, height=45)


@pytest.mark.parametrize("rate", [12, 60])
def test_spikes_come_at_the_configured_rate(rate: int) -> None:
    hours = 0
    rises = 0
    for index in range(20):
        calm = readings(DB, f"db-{index}", rate=0)
        spiky = readings(DB, f"db-{index}", rate=rate, height=40)
        lifted = [b.cpu_percent - a.cpu_percent > 5 for a, b in zip(calm, spiky, strict=True)]
        rises += sum(now and not before for before, now in itertools.pairwise(lifted))
        hours += 1
    # Some spikes fall into one another, the more the more there are: one lasts 16 s on average.
    expected = rate * hours * (1 - rate * 16 / 3600 / 2)
    assert expected * 0.7 < rises < expected * 1.3


def test_a_spike_carries_the_network_with_it() -> None:
    calm = readings(WEB, rate=0)
    spiky = readings(WEB, rate=60, height=50)
    pairs = list(zip(calm, spiky, strict=True))
    lifted = [
        (b.net_tx_bytes_per_s / a.net_tx_bytes_per_s) for a, b in pairs if b.cpu_percent - a.cpu_percent > 30
    ]
    still = [
        b.net_tx_bytes_per_s / a.net_tx_bytes_per_s for a, b in pairs if b.cpu_percent == a.cpu_percent > 0
    ]
    assert lifted
    assert min(lifted) > 2
    assert set(still) == {1.0}


def test_spikes_do_not_depend_on_how_often_a_server_is_read() -> None:
    def spike_seconds(steps_per_s: int) -> set[int]:
        calm, spiky = Signals(3, "db-01", DB, 0, 0), Signals(3, "db-01", DB, 30, 60)
        found = set()
        for step in range(1200 * steps_per_s):
            at_s = step / steps_per_s
            if spiky.read(at_s).cpu_percent - calm.read(at_s).cpu_percent > 10 and step % steps_per_s == 0:
                found.add(int(at_s))
        return found

    assert spike_seconds(1) == spike_seconds(4) != set()


def test_noise_is_correlated_in_time() -> None:
    cpu = [reading.cpu_percent for reading in readings(DB, "db-01", rate=0, seconds=1800)]
    assert correlation(cpu[:-1], cpu[1:]) > 0.8
    steps = [abs(b - a) for a, b in itertools.pairwise(cpu)]
    assert 0 < mean(steps) < 3


def test_noise_has_the_same_size_however_often_it_is_read() -> None:
    def spread(step_s: float) -> float:
        values = []
        for index in range(30):
            signals = Signals(index, "cache-01", CACHE, 0, 0)
            for step in range(60):
                signals.read(step * step_s)
                values.append(signals._fast)
        return pstdev(values)

    assert spread(0.1) == pytest.approx(1, abs=0.35)
    assert spread(20.0) == pytest.approx(1, abs=0.1)


def test_a_day_has_a_quiet_and_a_busy_time() -> None:
    day = readings(WEB, rate=0, seconds=int(DAY_S))
    tenths = [mean(r.cpu_percent for r in day[i : i + 360]) for i in range(0, int(DAY_S), 360)]
    assert max(tenths) > min(tenths) + 15


def test_memory_leaks_and_drops_at_a_restart() -> None:
    memory = [reading.memory_percent for reading in readings(WORKER, "worker-01", rate=0)]
    drops = [second for second in range(1, len(memory)) if memory[second] < memory[second - 1] - 30]
    assert 2 <= len(drops) <= 5
    assert memory[drops[1] - 10] > memory[drops[0] + 10] + 30


def test_a_disk_fills_and_is_cleaned() -> None:
    disk = [reading.disk_percent for reading in readings(DB, "db-01", seconds=7200)]
    drops = [second for second in range(1, len(disk)) if disk[second] < disk[second - 1]]
    assert 1 <= len(drops) <= 4
    assert all(disk[drop - 1] - disk[drop] > 40 for drop in drops)


def test_roles_differ_in_character() -> None:
    means = {
        role.name: [mean(values) for values in zip(*readings(role, role.name), strict=True)] for role in ROLES
    }
    assert means["worker"][0] > means["web"][0] > means["cache"][0]
    assert means["cache"][1] > means["worker"][1]
    assert means["db"][2] > means["cache"][2] + 30
    assert means["cache"][4] > means["batch"][4] * 10


def test_a_batch_server_runs_jobs() -> None:
    cpu = [reading.cpu_percent for reading in readings(BATCH, "batch-01", rate=0)]
    busy = sum(value > 50 for value in cpu) / len(cpu)
    assert 0.2 < busy < 0.3


def test_a_long_pause_is_no_burden() -> None:
    signals = Signals(1, "web-01", WEB, 3600, 45)
    signals.read(0)
    assert 0 <= signals.read(86_400.0).cpu_percent <= 100


def test_two_thousand_servers_cost_under_3_percent_of_a_core() -> None:
    fleet = [Signals(1, *server_at(index), 12, 45) for index in range(200)]
    best_s = float("inf")
    for at_s in range(8):
        before_s = process_time()
        for signals in fleet:
            signals.read(float(at_s))
        best_s = min(best_s, process_time() - before_s)
    assert best_s / len(fleet) * 2000 < 0.03


def test_names_do_not_depend_on_the_number_of_servers() -> None:
    names = [server_at(index)[0] for index in range(2000)]
    assert names[:6] == ["web-01", "db-01", "web-02", "cache-01", "worker-01", "web-03"]
    assert len(set(names)) == 2000
    assert all(name.startswith(f"{server_at(index)[1].name}-") for index, name in enumerate(names))


def ordered(order: str, seconds: int = 40) -> tuple[list[Reading], list[Reading]]:
    """The same server twice: alone, and with an order at 10 s."""
    alone, told = Signals(1, "db-01", DB, 0, 45), Signals(1, "db-01", DB, 0, 45)
    before, after = [], []
    for second in range(seconds):
        if second == 10:
            if order == "spike":
                told.spike(10.0, 30, 10)
            else:
                told.hold(20.0, 90)
        before.append(alone.read(float(second)))
        after.append(told.read(float(second)))
    return before, after


def test_a_spike_on_demand_rises_to_its_height_and_is_over_in_time() -> None:
    alone, told = ordered("spike")
    added = [after.cpu_percent - before.cpu_percent for before, after in zip(alone, told, strict=True)]
    assert added[:11] == [0.0] * 11
    assert added[11] == pytest.approx(15, abs=0.02)
    assert added[12:19] == pytest.approx([30] * 7, abs=0.02)
    assert added[20:] == [0.0] * 20
    assert told[15].net_tx_bytes_per_s > 2 * alone[15].net_tx_bytes_per_s


def test_cpu_and_memory_are_held_high_for_a_time() -> None:
    alone, told = ordered("load")
    assert told[:10] == alone[:10]
    assert {(reading.cpu_percent, reading.memory_percent) for reading in told[10:20]} == {(90, 90)}
    assert told[20:] == alone[20:]


def test_what_is_higher_already_stays() -> None:
    signals = Signals(1, "cache-01", CACHE, 0, 45)
    plain = signals.read(0.0)
    signals.hold(100.0, 1)
    held = signals.read(0.0)
    assert held.cpu_percent > 1
    assert held.memory_percent == pytest.approx(plain.memory_percent, abs=5)


def test_many_spikes_at_once_stay_bounded() -> None:
    signals = Signals(1, "db-01", DB, 0, 45)
    for _ in range(10_000):
        signals.spike(0.0, 100, 600)
    begin_s = process_time()
    assert signals.read(5.0).cpu_percent == 100
    assert process_time() - begin_s < 0.01

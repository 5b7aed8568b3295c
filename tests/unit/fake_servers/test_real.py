"""This machine as a producer."""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from fake_servers.real import ThisMachine, machine_name
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder, encode_batch


@pytest.mark.parametrize(
    "hostname, name",
    [
        ("laptop.local", "laptop.local"),
        ("Ann's MacBook", "Ann-s-MacBook"),
        ("büro 3", "b-ro-3"),
        ("日本", "this-machine"),
        ("", "this-machine"),
        ("-x-", "x"),
        ("a" * 80, "a" * 58),
    ],
)
def test_the_host_name_becomes_a_valid_name(hostname: str, name: str) -> None:
    assert machine_name(hostname) == name


def test_a_name_that_is_taken_gets_a_suffix() -> None:
    assert machine_name("web-01", {"web-01"}) == "web-01-real"


def test_readings_are_valid_samples() -> None:
    machine = ThisMachine()
    for seq in range(3):
        sample = Sample(machine_name(), 1, seq, 1, *machine.read(float(seq)))
        assert BatchDecoder().decode(encode_batch([sample])) == [sample]


def test_rates_are_differences_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counters:
        bytes_recv, bytes_sent = 1000, 5000

    monkeypatch.setattr(psutil, "net_io_counters", Counters)
    machine = ThisMachine()
    assert machine.read(10.0)[3:] == (0, 0)
    monkeypatch.setattr(Counters, "bytes_recv", 3000)
    monkeypatch.setattr(Counters, "bytes_sent", 5500)
    assert machine.read(12.0)[3:] == (1000, 250)
    monkeypatch.setattr(Counters, "bytes_recv", 0)  # counters of an interface that was reset
    assert machine.read(13.0)[3:] == (0, 0)


def test_what_the_system_does_not_give_reads_as_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> None:
        raise PermissionError("denied")

    monkeypatch.setattr(psutil, "net_io_counters", lambda: None)
    monkeypatch.setattr(psutil, "disk_usage", denied)
    assert ThisMachine().read(1.0)[2:] == (0.0, 0, 0)
    monkeypatch.setattr(psutil, "net_io_counters", denied)
    assert ThisMachine().read(1.0)[3:] == (0, 0)

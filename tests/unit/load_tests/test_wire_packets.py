"""Counting packets from `struct tcp_info`: the right fields, headers by kind of connection, honest silence."""

from __future__ import annotations

import ctypes
import socket
import sys
from typing import Any, Final, cast

import pytest

from load_tests.wire.packets import SocketCount, closing_bytes, handshake_bytes, read, total

U8, U32, U64 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64


class TcpInfo(ctypes.Structure):
    """`struct tcp_info` of linux/tcp.h, field by field; the compiler's rules give the offsets."""

    _fields_ = (
        *((name, U8) for name in ("state", "ca_state", "retransmits", "probes", "backoff", "options")),
        *((name, U8) for name in ("wscale", "flags")),
        *((name, U32) for name in ("rto", "ato", "snd_mss", "rcv_mss")),
        *((name, U32) for name in ("unacked", "sacked", "lost", "retrans", "fackets")),
        *((name, U32) for name in ("last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv")),
        *((name, U32) for name in ("pmtu", "rcv_ssthresh", "rtt", "rttvar", "snd_ssthresh", "snd_cwnd")),
        *((name, U32) for name in ("advmss", "reordering", "rcv_rtt", "rcv_space", "total_retrans")),
        *((name, U64) for name in ("pacing_rate", "max_pacing_rate", "bytes_acked", "bytes_received")),
        *((name, U32) for name in ("segs_out", "segs_in", "notsent_bytes", "min_rtt")),
        *((name, U32) for name in ("data_segs_in", "data_segs_out")),
        *((name, U64) for name in ("delivery_rate", "busy_time", "rwnd_limited", "sndbuf_limited")),
        *((name, U32) for name in ("delivered", "delivered_ce")),
        *((name, U64) for name in ("bytes_sent", "bytes_retrans")),
        *((name, U32) for name in ("dsack_dups", "reord_seen", "rcv_ooopack", "snd_wnd")),
    )


TIMESTAMPS: Final = 1
WHOLE: Final = 10**6


class Kernel:
    """A socket of which only the options can be asked for."""

    def __init__(self, family: int = socket.AF_INET, known: int = WHOLE, **fields: int) -> None:
        self._family = family
        # Every other field holds what would spoil a sum.
        everything = {field[0]: 77 for field in TcpInfo._fields_} | {"options": TIMESTAMPS} | fields
        self._info = bytes(TcpInfo(**everything))[:known]

    def getsockopt(self, level: int, option: int, length: int = 0) -> Any:
        if (level, option) == (socket.SOL_SOCKET, 39):
            return self._family
        assert (level, option) == (socket.IPPROTO_TCP, 11)
        return self._info[:length]


def counted(**fields: Any) -> SocketCount | None:
    return read(cast(socket.socket, Kernel(**fields)))


COUNTERS: Final = {
    "bytes_sent": 1_000_000_000_000,
    "bytes_retrans": 500,
    "bytes_received": 5_000_000_000,
    "segs_out": 7,
    "segs_in": 5,
}


@pytest.mark.parametrize(
    "family, options, segment, syn",
    [
        (socket.AF_INET, 7, 52, 60),
        (socket.AF_INET, 6, 40, 52),
        (socket.AF_INET6, 7, 72, 80),
        (socket.AF_INET6, 6, 60, 72),
    ],
)
def test_headers_are_added_for_every_segment(family: int, options: int, segment: int, syn: int) -> None:
    extra = syn - segment
    assert counted(family=family, options=options, **COUNTERS) == SocketCount(
        sent_payload=1_000_000_000_000 - 500,
        received_payload=5_000_000_000,
        sent_bytes=1_000_000_000_000 + 7 * segment + extra,
        received_bytes=5_000_000_000 + 5 * segment + extra,
    )
    sock = cast(socket.socket, Kernel(family, options=options))
    assert handshake_bytes(sock) == 2 * syn + 4 * segment, "SYN, SYN, ACK; FIN, FIN, ACK"
    assert closing_bytes(sock) == 3 * segment


def test_a_connection_just_opened_has_three_packets() -> None:
    opened = counted(bytes_sent=0, bytes_retrans=0, bytes_received=0, segs_out=2, segs_in=1)
    assert opened == SocketCount(0, 0, 60 + 52, 60)
    assert opened.both_ways + closing_bytes(cast(socket.socket, Kernel())) == handshake_bytes(
        cast(socket.socket, Kernel())
    )


@pytest.mark.parametrize("known", [0, 104, 192, 215])
def test_an_older_kernel_does_not_tell(known: int) -> None:
    assert counted(known=known, **COUNTERS) is None
    assert handshake_bytes(cast(socket.socket, Kernel(known=known))) == 0
    assert closing_bytes(cast(socket.socket, Kernel(known=known))) == 0


def test_216_bytes_are_enough() -> None:
    assert counted(known=216, **COUNTERS) is not None


def test_empty_counters_are_no_count() -> None:
    assert counted(bytes_sent=0, bytes_retrans=0, bytes_received=0, segs_out=0, segs_in=0) is None


def test_another_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert counted(**COUNTERS) is None


def test_counts_are_added_and_subtracted() -> None:
    first, second = SocketCount(1, 2, 30, 40), SocketCount(10, 20, 300, 400)
    assert first.plus(second) == total([first, second]) == SocketCount(11, 22, 330, 440)
    assert first.plus(second).minus(first) == second
    assert total([]) == SocketCount()
    assert second.both_ways == 700

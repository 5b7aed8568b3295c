"""Bytes on the wire, as the kernel counts them for each TCP connection: payload, and what TCP and IP add to it.

`getsockopt(TCP_INFO)` fills `struct tcp_info` (linux/tcp.h; the counters are those of RFC 4898). Used of it::

    byte       5               128              136        140         200               208
    field      options         bytes_received   segs_out   segs_in     bytes_sent        bytes_retrans
    holds      bit 0: times    payload in       segments   segments    payload out,      what of it was
                               (each byte once) out        in          each time sent    sent again

A segment costs an IP header (20 bytes, 40 on IPv6), a TCP header (20) and, where both sides agreed on timestamps, that
option (12). Acknowledgements without payload are segments like any other. A SYN has longer options: they are added once
for each direction. So what the side that connected reads is every packet since its SYN, and the difference of two
reads is every packet between.

A test holds this against a packet capture and finds both equal to the byte, but for large writes: the kernel passes
up to 64 KiB on as one packet, which the network card cuts (TSO), and counts the segments that come of it. A capture on
the same machine sees one packet. On a link this count is the truth; on loopback, where nobody cuts the packet but
segments are large too, it is less than 0.2 % too high.

Not counted: Ethernet's own 18 to 38 bytes per packet; SACK blocks, which come with losses only; the first two packets
on the side that accepted. An IPv4 peer of an IPv6 socket (`::ffff:127.0.0.1`) is counted with IPv6 headers.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_TCP_INFO: Final = 11  # of linux/tcp.h; Python does not name it everywhere
_SO_DOMAIN: Final = 39
_OPTIONS_AT: Final = 5
_COUNTERS_AT: Final = 128
_COUNTERS: Final = struct.Struct("=Q II 56x QQ")
_LENGTH: Final = _COUNTERS_AT + _COUNTERS.size

_TCP_BYTES: Final = 20
_TIMESTAMP_BYTES: Final = 12
"""The option (RFC 7323) and its padding."""
_SYN_OPTION_BYTES: Final = {True: 20, False: 12}
"""With and without timestamps: segment size, SACK, window scale, padding."""
_CLOSING_SEGMENTS: Final = 3
"""FIN, the other side's FIN with its acknowledgement, acknowledgement."""


@dataclass(frozen=True, slots=True)
class SocketCount:
    """What a connection carried, in bytes; see the module.

    Attributes:
        sent_payload, received_payload: What the application wrote and read: bodies, headers, frames.
        sent_bytes, received_bytes: The same as IP packets, acknowledgements and repeats included.
    """

    sent_payload: int = 0
    received_payload: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0

    def minus(self, earlier: SocketCount) -> SocketCount:
        """What was added since `earlier`, a former count of the same connection."""
        return SocketCount(
            self.sent_payload - earlier.sent_payload,
            self.received_payload - earlier.received_payload,
            self.sent_bytes - earlier.sent_bytes,
            self.received_bytes - earlier.received_bytes,
        )

    def plus(self, other: SocketCount) -> SocketCount:
        """Both together."""
        return SocketCount(
            self.sent_payload + other.sent_payload,
            self.received_payload + other.received_payload,
            self.sent_bytes + other.sent_bytes,
            self.received_bytes + other.received_bytes,
        )

    @property
    def both_ways(self) -> int:
        """IP packets of both directions, bytes."""
        return self.sent_bytes + self.received_bytes


def total(counts: Iterable[SocketCount]) -> SocketCount:
    """All of them together."""
    added = SocketCount()
    for count in counts:
        added = added.plus(count)
    return added


def read(sock: socket.socket) -> SocketCount | None:
    """What the connection carried so far. About 2 µs; asks the kernel, also where gevent stands before the socket.

    Args:
        sock: A TCP socket that is connected, or was and is not closed here; only its `getsockopt` is used.

    Returns:
        None where the kernel does not tell: another system than Linux, Linux before 4.19, a sandbox that leaves the
        counters empty, a socket that never was connected.

    Raises:
        OSError: The socket is closed here.
    """
    found = _headers(sock)
    if found is None:
        return None
    info, segment, syn_extra = found
    received, segments_out, segments_in, sent, sent_again = _COUNTERS.unpack_from(info, _COUNTERS_AT)
    if not segments_out and not segments_in:
        return None
    return SocketCount(
        sent - sent_again,
        received,
        sent + segments_out * segment + syn_extra,
        received + segments_in * segment + syn_extra,
    )


def handshake_bytes(sock: socket.socket) -> int:
    """What TCP's own opening and closing of such a connection costs, both directions, as IP packets.

    SYN, SYN with acknowledgement, acknowledgement; then as `closing_bytes`. What a protocol opens with (a WebSocket
    upgrade, HTTP/2's preface) is not part of it: `read(sock).both_ways` of a channel just made holds that and the first
    three, so that plus `closing_bytes` is what such a connection costs before and after its work.

    Returns:
        Bytes; 0 where the kernel does not tell.

    Raises:
        OSError: The socket is closed here.
    """
    found = _headers(sock)
    return 0 if found is None else (3 + _CLOSING_SEGMENTS) * found[1] + 2 * found[2]


def closing_bytes(sock: socket.socket) -> int:
    """What closing such a connection costs, both directions, as IP packets.

    Three segments: a peer that closes when it sees the end, as every server of the lab does, acknowledges the FIN with
    its own. (A slow one acknowledges first: one segment more. One that left something unread sends a reset instead.)

    Returns:
        Bytes; 0 where the kernel does not tell.

    Raises:
        OSError: The socket is closed here.
    """
    found = _headers(sock)
    return 0 if found is None else _CLOSING_SEGMENTS * found[1]


def _headers(sock: socket.socket) -> tuple[bytes, int, int] | None:
    """The kernel's struct, bytes of a segment's headers, what a SYN's have beyond; None: it does not tell."""
    if sys.platform != "linux":
        return None
    info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LENGTH)
    if len(info) < _LENGTH:
        return None
    timestamps = bool(info[_OPTIONS_AT] & 1)
    ip_bytes = 40 if sock.getsockopt(socket.SOL_SOCKET, _SO_DOMAIN) == socket.AF_INET6 else 20
    option_bytes = _TIMESTAMP_BYTES if timestamps else 0
    return info, ip_bytes + _TCP_BYTES + option_bytes, _SYN_OPTION_BYTES[timestamps] - option_bytes

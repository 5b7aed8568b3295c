"""Unread bytes of a port, out of the kernel's table."""

from __future__ import annotations

from pathlib import Path

from control_plane.controls.socket_queues import read_unread, unread_bytes

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:223E 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:223E 0100007F:D2A6 01 00000000:00000A3C 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:223E 0100007F:D2A8 01 000000FF:00000001 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0100007F:D2A6 0100007F:223E 01 00000000:00000FFF 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
   4: 0100007F:223E 0100007F:D2AA 08 00000000:00000007 00:00000000 00000000     0        0 5 1 0 20 4 30 10 -1
   5: a torn line
"""


def test_only_what_established_connections_of_the_port_received_counts() -> None:
    """Not a listener's queue, not the client's end, not what was sent, not a connection that is closing."""
    assert unread_bytes(TABLE.splitlines(), [0x223E, 0x2240]) == {0x223E: 0xA3C + 1, 0x2240: 0}


def test_both_tables_are_summed_and_a_missing_one_is_no_zero(tmp_path: Path) -> None:
    four, six = tmp_path / "tcp", tmp_path / "tcp6"
    for path in (four, six):
        path.write_text(TABLE.replace("0100007F:223E", "00000000000000000000000001000000:223E"))
    assert read_unread([0x223E], [four, six]) == {0x223E: 2 * (0xA3C + 1)}
    assert read_unread([0x223E], [four, tmp_path / "none"]) == {0x223E: 0xA3C + 1}
    assert read_unread([0x223E], [tmp_path / "none"]) == {0x223E: None}

"""How many bytes lie unread in the kernel for a listening port: the socket as one more buffer a sample can wait in.

Linux tells it in `/proc/net/tcp` and `tcp6`, one line a socket; a line's fields are separated by spaces:

    sl  local_address rem_address   st tx_queue:rx_queue …
     0: 0100007F:223D 0100007F:D2A6 01 00000000:00000A3C …      state 01: established; queues in hex bytes

Elsewhere it is not told, and the answer is None.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED: Final = "01"


def unread_bytes(lines: Iterable[str], ports: Iterable[int]) -> dict[int, int]:
    """Sum the receive queues of the established connections of these local ports.

    Args:
        lines: Of a table, its head included.
        ports: Whose connections are wanted.

    Returns:
        Bytes by port; 0 where it has no connection.
    """
    found = dict.fromkeys(ports, 0)
    wanted = {f":{port:04X}": port for port in found}
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) < 5 or fields[3] != _ESTABLISHED:
            continue
        port = wanted.get(fields[1][-5:])
        if port is not None:
            found[port] += int(fields[4].partition(":")[2], 16)
    return found


def read_unread(ports: Iterable[int], tables: Iterable[Path] = TABLES) -> dict[int, int | None]:
    """The same from the kernel's tables; None for each port where there is no table that can be read."""
    asked = list(ports)
    total: dict[int, int | None] = dict.fromkeys(asked)
    for table in tables:
        try:
            with table.open(encoding="ascii") as lines:
                for port, unread in unread_bytes(lines, asked).items():
                    total[port] = (total[port] or 0) + unread
        except (OSError, ValueError):
            continue
    return total

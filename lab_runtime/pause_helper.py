"""Stops its parent process for a while: run by `self_faults.py`, never imported. Standard library only.

    pause_helper.py PID AFTER_S FOR_S LISTENER

Stops PID (SIGSTOP) after AFTER_S seconds, lets it go on (SIGCONT) after FOR_S more, or as soon as somebody connects to
the listening socket LISTENER (a file descriptor) and shows the key that came on standard input. Whoever connects is
told `stopped` first, so that one can wait for it.
Invariants: it signals only its own parent, and SIGCONT follows SIGSTOP whatever happens in between.
"""

from __future__ import annotations

import hmac
import os
import select
import signal
import socket
import sys
import time
from typing import Final

_SHOWS_WITHIN_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.5


def main(pid: int, after_s: float, for_s: float, listener: int) -> None:
    """Stop, wait, let go on."""
    key = sys.stdin.buffer.read()
    time.sleep(after_s)
    if os.getppid() != pid:  # it has ended; its number may be somebody else's by now
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        _wait(pid, time.monotonic() + for_s, socket.socket(fileno=listener), key)
    finally:
        if os.getppid() == pid:
            os.kill(pid, signal.SIGCONT)


def _wait(pid: int, until_s: float, listener: socket.socket, key: bytes) -> None:
    """Until the time is up, the key was shown, or the parent was killed."""
    while (left_s := until_s - time.monotonic()) > 0 and os.getppid() == pid:
        heard, _, _ = select.select([listener], [], [], min(left_s, _LOOK_EVERY_S))
        if heard and _shows(listener, key):
            return


def _shows(listener: socket.socket, key: bytes) -> bool:
    try:
        visitor, _ = listener.accept()
        with visitor:
            visitor.settimeout(_SHOWS_WITHIN_S)
            visitor.sendall(b"stopped\n")
            right = hmac.compare_digest(visitor.recv(256).strip(), key)
            visitor.sendall(b"yes\n" if right else b"no\n")
            return right
    except OSError:
        return False


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a group-wide signal must not leave its parent stopped
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))

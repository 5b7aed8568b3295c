"""Which bytes of a server answer a request, by protocol; pure.

Whoever swallows replies must let the opening of a connection pass: without HTTP/2's SETTINGS, WebSocket's 101 or the
answer to Redis's HELLO no request would ever be sent, and what was meant as a lost reply would be a cut link. So does
pipeline B's answer to `resume`, with which a producer begins. Nothing is decoded beyond what that takes.
Simplification: TLS is opaque, there every byte counts as a reply.

    protocol      known by the client's first bytes     opening that passes
    HTTP/2        the preface (RFC 9113, 3.4)           frames that are neither HEADERS nor DATA
    WebSocket     GET with Upgrade: websocket           the answer to it (RFC 6455, 4.2.2), the first part after it
    Redis         an array (RESP)                       answers to HELLO, AUTH, CLIENT and SELECT
    other         (HTTP/1.1)                            nothing
"""

from __future__ import annotations

from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0"
_OPENING_COMMANDS: Final = frozenset({b"HELLO", b"AUTH", b"CLIENT", b"SELECT"})
_FRAME_HEAD: Final = 9
_DATA, _HEADERS = 0, 1


class Talk:
    """One connection, as far as it must be understood. Both ways are fed in the order in which they pass."""

    def __init__(self) -> None:
        self._protocol = ""
        self._asked = False  # Redis: a command that is not part of the opening
        self._upgraded = False  # WebSocket: the head of the answer has passed
        self._greeted = False  # … and something after it
        self._frames = _Frames()

    def asked(self, part: bytes) -> None:
        """The client sent this."""
        if not self._protocol:
            self._protocol = _protocol(part)
        if self._protocol == "redis" and not self._asked:
            self._asked = _first_command(part) not in _OPENING_COMMANDS

    def is_reply(self, part: bytes) -> bool:
        """Whether this, which the server sent, answers a request (or a part of it does)."""
        match self._protocol:
            case "http2":
                return self._frames.hold_reply(part)
            case "websocket":
                return self._after_upgrade(part)
            case "redis":
                return self._asked
            case _:
                return True

    def _after_upgrade(self, part: bytes) -> bool:
        if self._greeted:
            return True
        if self._upgraded:
            self._greeted = True
        else:
            _, end, rest = part.partition(b"\r\n\r\n")
            self._upgraded, self._greeted = bool(end), bool(rest)
        return False


class _Frames:
    """HTTP/2 frames in a stream of bytes that is cut anywhere."""

    def __init__(self) -> None:
        self._head = b""  # of the frame that begins, as far as it has come
        self._left = 0  # bytes of the frame that goes on
        self._kind = -1

    def hold_reply(self, part: bytes) -> bool:
        found = False
        at = 0
        while at < len(part):
            if not self._left:
                need = _FRAME_HEAD - len(self._head)
                self._head += part[at : at + need]
                at += need
                if len(self._head) < _FRAME_HEAD:
                    return found
                self._left, self._kind = int.from_bytes(self._head[:3], "big"), self._head[3]
                self._head = b""
            found = found or self._kind in (_DATA, _HEADERS)
            passed = min(self._left, len(part) - at)
            self._left -= passed
            at += passed
        return found


def _protocol(first: bytes) -> str:
    if first.startswith(_PREFACE[: len(first)]):
        return "http2"
    if first.startswith(b"*"):
        return "redis"
    if first.startswith(b"GET ") and b"upgrade: websocket" in first.lower():
        return "websocket"
    return "other"


def _first_command(part: bytes) -> bytes:
    """The name of the first command: `*3\\r\\n$5\\r\\nHELLO…`; empty where that is not how the part begins."""
    fields = part.split(b"\r\n", 3)
    return fields[2].upper() if part.startswith(b"*") and len(fields) > 2 else b""

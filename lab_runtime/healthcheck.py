"""`python -m lab_runtime.healthcheck URL`: exit code 0 where a GET answers 200, else 1 and a line that says why.

What containers are watched with, so that no image needs curl. Containers are asked every few seconds, so it starts
fast: sockets only, no HTTP library (urllib alone doubles its cost). Not here: HTTPS, redirects, bodies.
"""

from __future__ import annotations

import socket
import sys
from typing import Final

ANSWERS_WITHIN_S: Final = 2.0
_SHOWN_BYTES: Final = 600


def failure_of(url: str) -> str:
    """Why a GET of `url` (`http://host:port/path`) does not answer 200; empty where it does."""
    host, _, port_and_path = url.removeprefix("http://").rpartition(":")
    port, slash, path = port_and_path.partition("/")
    if not (url.startswith("http://") and host and port.isdecimal()):
        return f"expected http://host:port/path, got {url}"
    request = f"GET {slash}{path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    answer = b""
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN_S) as connection:
            connection.sendall(request.encode())
            while len(answer) < _SHOWN_BYTES and (part := connection.recv(_SHOWN_BYTES)):
                answer += part
    except OSError as error:
        return f"{url}: {error}"
    if answer.split(b" ", 2)[1:2] == [b"200"]:
        return ""
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    status = head.splitlines()[0] if head else ""
    return f"{url}: {status or 'no answer'} {body}".strip()


def main(arguments: list[str]) -> int:
    """Ask once and give the exit code."""
    if len(arguments) != 1:
        print("usage: python -m lab_runtime.healthcheck http://host:port/path", file=sys.stderr)
        return 2
    failure = failure_of(arguments[0])
    if failure:
        print(failure, file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

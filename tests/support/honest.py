"""An honest producer in a process of its own, to see whether others are harmed by a hostile one.

In the test's own process the attack and the measurement would wait for each other.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import Final

from metrics_core.wire import encode_batch
from tests.support.child import ROOT, clean_environ
from tests.support.h1_client import H1Client
from tests.support.samples import a_sample

EVERY_S: Final = 0.01
_LEAST: Final = 30


class Honest:
    """Sends one sample every 10 ms by HTTP/1.1, from entering to leaving, and keeps how long each answer took."""

    def __init__(self, port: int, name: str) -> None:
        self._command = [sys.executable, "-m", "tests.support.honest", str(port), name]
        self.took_ms: list[tuple[float, float]] = []

    def __enter__(self) -> Honest:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=clean_environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        output, _none = self._process.communicate("stop\n", timeout=30)
        assert self._process.returncode == 0, "an honest request was not answered with 202"
        self.took_ms = [(at_s, took_ms) for at_s, took_ms in json.loads(output)]

    def goes_on_for(self, seconds: float) -> None:
        """Let it send for a while: a measurement needs its time."""
        time.sleep(seconds)

    def p99_ms(self, spans: list[tuple[float, float]]) -> float:
        """The 99th percentile of requests that began within spans of `time.monotonic()`, which all processes share."""
        took = sorted(ms for at_s, ms in self.took_ms if any(low <= at_s < high for low, high in spans))
        assert len(took) >= _LEAST, f"only {len(took)} requests in {spans}"
        return took[int(0.99 * (len(took) - 1))]


def main(port: int, name: str) -> None:
    """Send until something comes on stdin; then tell."""
    took: list[tuple[float, float]] = []
    with H1Client(port) as client:
        assert client.post(encode_batch([a_sample(name)])).status == 202
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0)[0]:
            begun_s = time.monotonic()
            reply = client.post(encode_batch([a_sample(name, 1, len(took) + 1)]))
            assert reply.status == 202, reply
            took.append((begun_s, (time.monotonic() - begun_s) * 1000))
            time.sleep(max(0.0, begun_s + EVERY_S - time.monotonic()))
    print(json.dumps(took))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

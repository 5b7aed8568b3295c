"""50,000 bad inputs over real sockets: no 5xx, one verdict on both pipelines, nobody else harmed, memory flat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_core.wire import encode_batch
from tests.support.bad_inputs import bodies, mutants
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.samples import a_sample
from tests.support.verdicts import ACCEPTED, Http1Verdicts, Http2Verdicts, WebSocketVerdicts
from tests.support.waiting import until

CASES: Final = 24_000
CHUNK: Final = 1_000
BY_HTTP2: Final = 4
"""Every so many chunks one goes by HTTP/2."""

MAY_GROW: Final = 6 * 2**20
"""Bytes of resident memory from the first quarter of the cases to the last: 300 a case."""


class Doors:
    """All ways in, each a connection that stays open over all cases."""

    def __init__(self, pipelines: Pipelines) -> None:
        self.http1 = Http1Verdicts(pipelines.ingest_port)
        self.http2 = Http2Verdicts(pipelines.ingest_port)
        self.websocket = WebSocketVerdicts(pipelines.websocket_port)

    def agree(self, cases: list[bytes], *, http2: bool) -> Counter[str]:
        """Send the same bodies through A and B; count the verdicts.

        Raises:
            AssertionError: A case for which they differ.
        """
        a = (self.http2 if http2 else self.http1).of(cases)
        b = self.websocket.of(cases)
        for body, verdict_a, verdict_b in zip(cases, a, b, strict=True):
            assert verdict_a == verdict_b, f"{body[:500]!r}: A says {verdict_a}, B says {verdict_b}"
        return Counter(error for error, _ in a)

    def close(self) -> None:
        for door in (self.http1, self.http2, self.websocket):
            door.close()


@pytest.fixture(scope="module")
def doors(pipelines: Pipelines) -> Iterator[Doors]:
    opened = Doors(pipelines)
    yield opened
    opened.close()


def test_mutants_get_one_verdict_and_leave_no_trace(pipelines: Pipelines, doors: Doors) -> None:
    source = mutants(seed=4, n=CASES)
    counts: Counter[str] = Counter()
    memory: dict[str, list[int]] = {"ingest-1": [], "websocket": []}
    name = "beside-mutants"
    with (
        H1Client(pipelines.ingest_port) as sibling_a,
        RawWebSocket(pipelines.websocket_port, "/v1/ingest") as sibling_b,
    ):
        for chunk in range(CASES // CHUNK):
            beside = encode_batch([a_sample(name, 1, chunk)])
            sibling_a.begin("POST", "/v1/samples", {"content-type": "application/json"}, beside, 40)
            http2, cases = chunk % BY_HTTP2 == 0, [next(source) for _ in range(CHUNK)]
            counts += doors.agree(cases[:100], http2=http2)
            assert sibling_a.finish().status == 202
            counts += doors.agree(cases[100:], http2=http2)
            sibling_b.send(beside)
            assert sibling_b.verdicts(chunk + 1) == {}
            for process, seen in memory.items():
                seen.append(pipelines[process].rss_bytes)
    until(pipelines.settled, "everything accepted is applied", within_s=60)
    for pipeline in ("http_redis", "websocket"):
        assert pipelines.processed(name, pipeline) == [[0, CASES // CHUNK - 1]]
        assert pipelines.totals(pipeline)["dead_lettered"] == 0
    print(f"{2 * CASES} cases over both pipelines, verdicts: {dict(counts)}")
    quarter = len(next(iter(memory.values()))) // 4
    for process, seen in memory.items():
        grown = max(seen[-quarter:]) - max(seen[:quarter])
        slope = grown / (len(seen) - quarter) * 1_000 / CHUNK / 1_024
        said = (
            f"memory of {process}: {slope:+.1f} KiB per 1,000 cases (limit {MAY_GROW / 2**20:.0f} MiB in all)"
        )
        print(said)
        assert grown < MAY_GROW, said
    assert min(counts["malformed"], counts["schema"], counts[ACCEPTED[0]]) > CASES // 20, (
        "a mixture of all sorts"
    )


@settings(max_examples=40)
@given(cases=st.lists(bodies, min_size=1, max_size=80))
def test_whatever_hypothesis_thinks_of_gets_one_verdict(doors: Doors, cases: list[bytes]) -> None:
    doors.agree(cases, http2=len(cases) % 2 == 0)

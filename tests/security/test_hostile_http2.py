"""HTTP/2 floods and frames that no honest client sends: the connection pays, its neighbours do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import hpack
import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from metrics_core.wire import encode_batch
from tests.support.busy import processors_busy
from tests.support.gauges import Held
from tests.support.h1_client import H1Client
from tests.support.h2_client import JSON, H2Client
from tests.support.honest import Honest
from tests.support.pipelines import Pipelines
from tests.support.raw_http2 import RawHttp2, reset
from tests.support.samples import a_sample

CALM: Final = int(ErrorCodes.ENHANCE_YOUR_CALM)
PHASE_S: Final = 1.0


def reset_flood(attacker: RawHttp2) -> bytes:
    """CVE-2023-44487: each request is cancelled in the same breath."""
    streams = range(1, 4_001, 2)
    return b"".join(attacker.head(n, "POST", "/v1/samples", end=False) + reset(n) for n in streams)


def whole_request_reset_flood(attacker: RawHttp2) -> bytes:
    """The same, and each request is complete: its work has begun."""
    streams = range(1, 4_001, 2)
    return b"".join(attacker.head(n, "GET", "/v1/ledger", end=True) + reset(n) for n in streams)


def ping_flood(_: RawHttp2) -> bytes:
    return PingFrame(0, b"8 bytes.").serialize() * 10_000


def settings_flood(_: RawHttp2) -> bytes:
    return SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535}).serialize() * 5_000


def priority_flood(_: RawHttp2) -> bytes:
    streams = range(1, 20_001, 2)
    return b"".join(PriorityFrame(n, depends_on=n + 2, stream_weight=7).serialize() for n in streams)


def empty_data_flood(attacker: RawHttp2) -> bytes:
    return attacker.head(1, "POST", "/v1/samples", end=False) + DataFrame(1, b"").serialize() * 10_000


def tiny_data_flood(attacker: RawHttp2) -> bytes:
    return attacker.head(1, "POST", "/v1/samples", end=False) + DataFrame(1, b" ").serialize() * 10_000


def window_flood(_: RawHttp2) -> bytes:
    return WindowUpdateFrame(0, window_increment=1).serialize() * 10_000


def unknown_frame_flood(_: RawHttp2) -> bytes:
    return b"\x00\x00\x04\xfa\x00\x00\x00\x00\x00odd." * 10_000


def stream_flood(attacker: RawHttp2) -> bytes:
    """Far more streams than the server's SETTINGS allow, and none of them ends."""
    return b"".join(attacker.head(n, "POST", "/v1/samples", end=False) for n in range(1, 8_001, 2))


FLOODS: Final = [
    reset_flood,
    ping_flood,
    settings_flood,
    whole_request_reset_flood,
    stream_flood,
    priority_flood,
    empty_data_flood,
    tiny_data_flood,
    window_flood,
    unknown_frame_flood,
]


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
def test_a_flood_costs_its_connection_and_nobody_elses(
    pipelines: Pipelines, flood: Callable[[RawHttp2], bytes]
) -> None:
    port = pipelines.ingest_port
    held = Held(pipelines, port)
    with H2Client(port) as sibling:
        slow = sibling.open("POST", "/v1/samples", JSON)
        with RawHttp2(port) as attacker:
            attacker.send(flood(attacker))
            attacker.frames(within_s=10)  # to the end of the connection
        sibling.send(slow, encode_batch([a_sample("beside-a-flood")]))
        assert sibling.reply(slow).status == 202
    held.comes_back()


def test_floods_do_not_slow_others_down(pipelines: Pipelines) -> None:
    """Attack and calm in turns, so that both see the same machine; more turns where chance was at work."""
    port, said = pipelines.ingest_port, ""
    with RawHttp2(port) as attacker:
        floods = [flood(attacker)[:65_536] for flood in FLOODS[:4]]
    for _ in range(3):
        calm, attacked = [], []
        with processors_busy(), Honest(port, "beside-floods") as honest:
            for flood in floods:
                begun_s = time.monotonic()
                honest.goes_on_for(PHASE_S)
                attack_s = time.monotonic()
                calm.append((begun_s, attack_s))
                while time.monotonic() < attack_s + PHASE_S:
                    with RawHttp2(port) as attacker:
                        attacker.send(flood)
                        attacker.frames(within_s=10)
                    honest.goes_on_for(0.1)
                attacked.append((attack_s, time.monotonic()))
        calm_ms, attacked_ms = honest.p99_ms(calm), honest.p99_ms(attacked)
        said += f" {calm_ms:.1f} → {attacked_ms:.1f} ms"
        if attacked_ms <= 2 * calm_ms:
            print(f"p99 of honest requests, calm → flooded:{said}")
            return
    pytest.fail(f"p99 of honest requests, calm → flooded:{said}; expected at most twice as much")


# -- bounds that are not floods --------------------------------------------------------------------------------------


@pytest.fixture
def attacker(pipelines: Pipelines) -> Iterator[RawHttp2]:
    with RawHttp2(pipelines.ingest_port) as connection:
        yield connection


def test_a_flood_is_ended_by_name(pipelines: Pipelines, attacker: RawHttp2) -> None:
    cut = pipelines.metric("flooding_connections_cut_total", pipelines.ingest_port)
    attacker.send(ping_flood(attacker))
    attacker.frames(within_s=10)
    assert attacker.error in (CALM, None), "None: the end of the connection overtook the GOAWAY"
    assert pipelines.metric("flooding_connections_cut_total", pipelines.ingest_port) == cut + 1


def test_continuations_without_end(attacker: RawHttp2) -> None:
    """CVE-2024-27316: a header block that never ends is not gathered."""
    block = attacker.block("POST", "/v1/samples")
    attacker.send(HeadersFrame(1, block, flags=["END_STREAM"]).serialize())
    for _ in range(2_000):
        if not attacker.send(ContinuationFrame(1, b"\x00" * 1_000).serialize()):
            break
    attacker.frames(within_s=10)


@pytest.mark.parametrize("size", [90_000, 700_000])
def test_a_header_list_too_large(attacker: RawHttp2, size: int) -> None:
    block = attacker.block("GET", "/healthz", {"x-large": "x" * size})
    parts = [block[first : first + 16_000] for first in range(0, len(block), 16_000)]
    frames: list[HeadersFrame | ContinuationFrame] = [HeadersFrame(1, parts[0], flags=["END_STREAM"])]
    frames += [ContinuationFrame(1, part) for part in parts[1:]]
    frames[-1].flags.add("END_HEADERS")
    attacker.send(b"".join(frame.serialize() for frame in frames))
    attacker.frames(within_s=10)
    assert attacker.error in (CALM, int(ErrorCodes.PROTOCOL_ERROR), None)


def test_a_header_bomb(pipelines: Pipelines, attacker: RawHttp2) -> None:
    """One entry of 3,900 bytes in the table and 12,000 references of one byte each: 47 MB if they were unpacked."""
    memory = pipelines["ingest-1"].rss_bytes
    block = attacker.block("GET", "/healthz", {"x-bomb": "x" * 3_900}) + b"\xbe" * 12_000
    attacker.send(HeadersFrame(1, block, flags=["END_STREAM", "END_HEADERS"]).serialize())
    attacker.frames(within_s=10)
    assert pipelines["ingest-1"].rss_bytes - memory < 8 * 2**20


def test_more_streams_than_allowed_are_refused_one_by_one(pipelines: Pipelines) -> None:
    """1,000 are served; the 40 beyond are refused in a way that says "send it again", and harm none of the others."""
    with RawHttp2(pipelines.ingest_port) as client:
        body = encode_batch([a_sample("many-streams")])
        streams = [2 * n + 1 for n in range(1_040)]
        for first in range(0, len(streams), 100):
            heads = [client.head(n, "POST", "/v1/samples", end=False) for n in streams[first : first + 100]]
            assert client.send(b"".join(heads))
        for first in range(0, 1_000, 100):
            part = streams[first : first + 100]
            client.send(b"".join(DataFrame(n, body, flags=["END_STREAM"]).serialize() for n in part))
        answered: set[int] = set()
        refused: dict[int, int] = {}
        deadline_s = time.monotonic() + 30
        while len(answered) + len(refused) < 1_040:
            frame = client.frame(deadline_s)
            assert frame is not None, f"the connection ended: {client.error}"
            if isinstance(frame, RstStreamFrame):
                refused[frame.stream_id] = frame.error_code
            elif isinstance(frame, HeadersFrame):
                answered.add(frame.stream_id)
    assert answered == set(streams[:1_000])
    assert refused == dict.fromkeys(streams[1_000:], int(ErrorCodes.REFUSED_STREAM))


def test_connect_harms_nobody(pipelines: Pipelines, attacker: RawHttp2) -> None:
    for more in ([], [(":path", "/v1/samples"), (":scheme", "http"), (":protocol", "websocket")]):
        pseudo = [(":method", "CONNECT"), (":authority", "elsewhere:80"), *more]
        attacker.send(HeadersFrame(1, hpack.Encoder().encode(pseudo), flags=["END_HEADERS"]).serialize())
        with H1Client(pipelines.ingest_port) as client:
            assert client.request("GET", "/healthz").status == 200


def test_no_window_for_answers(pipelines: Pipelines) -> None:
    """A client that asks and gives no room for the answers: cut within 10 s."""
    held = Held(pipelines, pipelines.ingest_port)
    with RawHttp2(pipelines.ingest_port, {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as client:
        begun_s = time.monotonic()
        client.send(b"".join(client.head(n, "GET", "/v1/ledger", end=True) for n in range(1, 101, 2)))
        client.frames(within_s=15)
        assert time.monotonic() - begun_s < 10.5
    held.comes_back()

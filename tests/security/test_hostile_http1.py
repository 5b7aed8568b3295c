"""HTTP/1.1 that no honest client speaks: smuggling shapes, nonsense in chunks, endless heads, floods of requests."""

from __future__ import annotations

import re
import socket
import time
from typing import Final

import pytest

from metrics_core.wire import encode_batch
from tests.support.gauges import Held
from tests.support.h1_client import H1Client
from tests.support.pipelines import Pipelines
from tests.support.samples import a_run, a_sample
from tests.support.waiting import until

BODY: Final = encode_batch([a_sample("smuggled")])
POST: Final = b"POST /v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
SMUGGLED: Final = POST + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
"""Must never be taken for a request where it is sent as (part of) a body."""

STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 \d{3} ")
IN_CHUNKS: Final = b"Transfer-Encoding: chunked\r\n"


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def said(port: int, sent: bytes, within_s: float = 15.0) -> bytes:
    """What comes until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=within_s) as sock:
        found = b""
        try:
            sock.sendall(sent)
            while came := sock.recv(65_536):
                found += came
        except (BrokenPipeError, ConnectionResetError):
            """It ended while we still sent."""
        return found


MALFORMED: Final[dict[str, bytes]] = {
    "two lengths that differ": POST + b"Content-Length: 5\r\nContent-Length: 300\r\n\r\n" + SMUGGLED,
    "a length and chunks": POST + b"Content-Length: 5\r\n" + IN_CHUNKS + b"\r\n" + chunked(b"[]") + SMUGGLED,
    "chunks and a length": POST + IN_CHUNKS + b"Content-Length: 5\r\n\r\n" + chunked(b"[]") + SMUGGLED,
    "chunks twice": POST + IN_CHUNKS + IN_CHUNKS + b"\r\n" + SMUGGLED,
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0") + IN_CHUNKS + b"\r\n" + chunked(b"[]") + SMUGGLED,
    "a coding that is none": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    "a coding before chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + SMUGGLED,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + SMUGGLED,
    "a vertical tab in a coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\n" + SMUGGLED,
    "a negative length": POST + b"Content-Length: -5\r\n\r\n" + SMUGGLED,
    "a length in hexadecimal": POST + b"Content-Length: 0x5\r\n\r\n" + SMUGGLED,
    "a length of 30 digits": POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + SMUGGLED,
    "a chunk size that is none": POST + IN_CHUNKS + b"\r\nzz\r\n" + SMUGGLED,
    "a negative chunk size": POST + IN_CHUNKS + b"\r\n-1\r\n" + SMUGGLED,
    "a chunk size of 30 digits": POST + IN_CHUNKS + b"\r\n" + b"f" * 30 + b"\r\n" + SMUGGLED,
    "a chunk longer than it says": POST + IN_CHUNKS + b"\r\n2\r\n[]]\r\n0\r\n\r\n" + SMUGGLED,
    "no host": b"POST /v1/samples HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
    "two hosts": POST + b"Host: elsewhere\r\nContent-Length: 2\r\n\r\n[]",
    "a head without a colon": POST + b"nonsense\r\n\r\n",
    "a name with a space": POST + b"x y: z\r\n\r\n",
    "a zero byte in a value": POST + b"x: a\x00b\r\n\r\n",
    "a method that is none": b"P\xc3\x96ST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a version that is none": b"GET /healthz HTTP/x.y\r\nHost: 127.0.0.1\r\n\r\n",
    "a path with a space": b"GET /health z HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "only line ends": b"\r\n" * 10_000,
    "binary": bytes(range(256)) * 300,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_could_be_read_in_two_ways_is_refused(pipelines: Pipelines, name: str) -> None:
    answer = said(pipelines.ingest_port, MALFORMED[name])
    assert len(STATUS_LINE.findall(answer)) <= 1, "nothing after it is read as a request"
    if answer:  # else the end of the connection overtook it
        status = int(answer[9:12])
        assert 400 <= status < 500, answer
        assert b"connection: close" in answer.lower()
        assert b'{"error":' in answer


def test_nothing_was_smuggled(pipelines: Pipelines) -> None:
    """Sent by each of the requests above (in another order of the tests: sent again here)."""
    for sent in MALFORMED.values():
        if SMUGGLED in sent:
            said(pipelines.ingest_port, sent)
    until(pipelines.settled, "what was accepted is applied")
    assert pipelines.processed("smuggled") == []


def test_an_upgrade_to_http2_is_not_heard(pipelines: Pipelines) -> None:
    """RFC 9113 took it out; with nonsense in its settings it would end in an error of the server's."""
    for settings in (b"AAMAAABkAAQAAP__", b"\xff nonsense", b""):
        ask = (
            b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: " + settings + b"\r\n\r\n"
        )
        answer = said(pipelines.ingest_port, ask)
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400")), answer


@pytest.mark.parametrize("size", [200_000, 2_000_000])
@pytest.mark.parametrize("shape", ["one long value", "many names", "a long path", "no end of line"])
def test_an_endless_head_is_cut(pipelines: Pipelines, shape: str, size: int) -> None:
    start = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head = {
        "one long value": start + b"x: " + b"y" * size + b"\r\n\r\n",
        "many names": start + b"".join(b"x%d: y\r\n" % n for n in range(size // 10)) + b"\r\n",
        "a long path": b"GET /" + b"y" * size + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "no end of line": b"G" * size,
    }[shape]
    memory = pipelines["ingest-1"].rss_bytes
    answer = said(pipelines.ingest_port, head)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")), answer
    assert pipelines["ingest-1"].rss_bytes - memory < 8 * 2**20


def test_a_million_tiny_chunks(pipelines: Pipelines) -> None:
    """Refused after a thousand; and honest streaming, a sample a chunk, is not."""
    held = Held(pipelines, pipelines.ingest_port)
    begun_s = time.monotonic()
    answer = said(pipelines.ingest_port, POST + IN_CHUNKS + b"\r\n" + b"1\r\n \r\n" * 1_000_000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer
    assert time.monotonic() - begun_s < 10
    chunks = [encode_batch([sample]) for sample in a_run("streaming", 1, range(5_000))]
    parts = [b"[" + chunks[0], *(b"," + chunk for chunk in chunks[1:]), b"]"]
    ask = POST + IN_CHUNKS + b"Connection: close\r\n\r\n" + chunked(*parts)
    assert said(pipelines.ingest_port, ask).endswith(b'{"accepted":5000}')
    held.comes_back()


def test_pipelined_requests_are_answered_in_order(pipelines: Pipelines) -> None:
    """Many times more than one connection's buffers hold; a bad one among them ends the rest, not those before."""
    asks = [POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY.replace(b"smuggled", b"pipelined-1")] * 3
    asks = [
        ask.replace(b"Content-Length: %d" % len(BODY), b"Content-Length: %d" % (len(BODY) + 3))
        for ask in asks
    ]
    many = b"".join(asks * 200)
    last = POST + b"Content-Length: x\r\n\r\n"
    answer = said(pipelines.ingest_port, many + last, within_s=60)
    assert answer.count(b"HTTP/1.1 202 ") == 600
    assert answer.count(b"HTTP/1.1 400 ") == 1
    assert answer.rindex(b" 202 ") < answer.rindex(b" 400 ")


def test_connections_in_masses(pipelines: Pipelines) -> None:
    """1,000 connections that say nothing: others are served, and all is given back when they go."""
    held = Held(pipelines, pipelines.ingest_port)
    idle = [socket.create_connection(("127.0.0.1", pipelines.ingest_port), 10) for _ in range(1_000)]
    try:
        with H1Client(pipelines.ingest_port) as client:
            assert client.post(encode_batch([a_sample("beside-1000")])).status == 202
        assert held.now()["open_files"] >= held.before["open_files"] + 1_000
    finally:
        for sock in idle:
            sock.close()
    held.comes_back()

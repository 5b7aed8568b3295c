"""The container's health check against a real socket that answers, refuses, hangs, or is not there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab_runtime import healthcheck


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """A server that gives one answer to one client (None: it keeps silent), and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                if answer is None:
                    done.wait(10)
                else:
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/readyz"
        done.set()
        thread.join(10)


def test_200_is_healthy() -> None:
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as url:
        assert healthcheck.main([url]) == 0


def test_another_status_is_told_with_its_body(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(b'HTTP/1.1 503 \r\nserver: x\r\n\r\n{"failing":"redis"}') as url:
        assert healthcheck.main([url]) == 1
    assert capsys.readouterr().err == f'{url}: HTTP/1.1 503  {{"failing":"redis"}}\n'


@pytest.mark.parametrize("answer", [b"", b"200 OK", b"\xff\xfe 2000 \r\n"])
def test_what_is_not_http_is_unhealthy(answer: bytes) -> None:
    with answering(answer) as url:
        assert healthcheck.main([url]) == 1


def test_a_server_that_hangs_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "ANSWERS_WITHIN_S", 0.1)
    with answering(None) as url:
        assert "timed out" in healthcheck.failure_of(url)


def test_nobody_there_is_unhealthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "refused" in healthcheck.failure_of(f"http://127.0.0.1:{port}/readyz")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/x", "http://127.0.0.1/x", "127.0.0.1:1", "http://:1/", ""]
)
def test_a_url_of_another_form_is_named(url: str) -> None:
    assert healthcheck.failure_of(url) == f"expected http://host:port/path, got {url}"


def test_it_says_how_it_is_used() -> None:
    assert healthcheck.main([]) == 2

"""Which first bytes of a connection are answered with 405."""

from __future__ import annotations

import pytest

from lab_runtime.methods import other_method


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PRI", b"CONNECT", b"PROPFIND"])
def test_other_methods(method: bytes) -> None:
    assert other_method(method + b" /v1/ledger HTTP/1.1\r\n\r\n")
    assert other_method(method + b" /v1")


@pytest.mark.parametrize(
    "first_bytes",
    [b"GET / HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n", b"GE", b"", b"POST", b"\x16\x03\x01 ", b"X" * 50 + b" "],
)
def test_what_is_left_to_the_library(first_bytes: bytes) -> None:
    assert not other_method(first_bytes)

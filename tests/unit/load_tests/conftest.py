"""Channels that connect to a fake socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_socket import Connect, FakeSocket


@pytest.fixture
def connects_to(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make a channel's module connect to a fake socket."""

    def replace(module: Any, sock: FakeSocket) -> None:
        monkeypatch.setattr(module, "connect", lambda host, port: sock)

    return replace

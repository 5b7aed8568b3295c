"""The limit of open files, and the gauges of what a process holds."""

from __future__ import annotations

import asyncio
import os
import resource

import pytest

from lab_runtime import open_files


@pytest.mark.parametrize(
    "soft, hard, raised_to",
    [
        (1_024, resource.RLIM_INFINITY, 65_536),
        (1_024, 20_000, 20_000),
        (100_000, 200_000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised_to: int | None
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    open_files.allow_many_connections()
    assert set_to == ([] if raised_to is None else [(raised_to, hard)])


def test_what_is_held_is_counted() -> None:
    async def main() -> None:
        before = open_files.held_now()
        waiting = asyncio.create_task(asyncio.sleep(60))
        read, write = os.pipe()
        after = open_files.held_now()
        assert (after["tasks"] - before["tasks"], after["open_files"] - before["open_files"]) == (1, 2)
        waiting.cancel()
        os.close(read)
        os.close(write)

    asyncio.run(main())

"""An answer that is worked out once for all who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from lab_runtime.one_at_a_time import MOST_REST_S, OneAtATime
from tests.support.virtual_time import run_virtually, settle


class Work:
    """Takes a second, and says how often it was done."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = 0
        self.at_once = 0
        self.fails = fails

    async def __call__(self) -> int:
        self.begun += 1
        self.at_once += 1
        assert self.at_once == 1
        number = self.begun
        await asyncio.sleep(1)
        self.at_once -= 1
        if self.fails:
            raise ValueError(str(number))
        return number


def test_who_asks_while_it_is_worked_out_shares_the_next() -> None:
    async def main() -> None:
        shared = OneAtATime(Work())
        first = asyncio.create_task(shared())
        await settle()
        later = [asyncio.create_task(shared()) for _ in range(50)]
        assert await first == 1
        assert set(await asyncio.gather(*later)) == {2}, "not the first: it was asked for before"
        assert await shared() == 3

    run_virtually(main())


def test_who_asks_again_and_again_gets_a_tenth_of_the_time() -> None:
    """A ledger of many producers costs milliseconds, in which nobody else is served."""

    async def main() -> None:
        begun_s: list[float] = []

        async def work() -> None:
            begun_s.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.02)

        shared = OneAtATime(work)
        for _ in range(5):
            await shared()
        assert begun_s == pytest.approx([begun_s[0] + 0.2 * n for n in range(5)])

    run_virtually(main())


def test_an_answer_that_took_long_does_not_keep_the_next_one_away() -> None:
    async def main() -> None:
        now_s = asyncio.get_running_loop().time
        shared = OneAtATime(Work())
        await shared()
        begun_s = now_s()
        await shared()
        assert now_s() - begun_s == pytest.approx(1 + MOST_REST_S)

    run_virtually(main())


def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    async def main() -> None:
        shared = OneAtATime(Work())
        tasks = [asyncio.create_task(shared()) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        assert await asyncio.gather(*tasks[1:]) == [1, 1]

    run_virtually(main())


def test_a_failure_goes_to_all_who_asked_and_to_nobody_else() -> None:
    async def main() -> None:
        work = Work(fails=True)
        shared = OneAtATime(work)
        found = await asyncio.gather(shared(), shared(), return_exceptions=True)
        assert [str(error) for error in found] == ["1", "1"]
        work.fails = False
        assert await shared() == 2
        work.fails = True
        alone = asyncio.create_task(shared())
        await settle()
        alone.cancel()
        await asyncio.sleep(2)
        with pytest.raises(ValueError, match="4"):
            await shared()

    run_virtually(main())

"""Shuffled samples: every one of a block once, in an order that the seed decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fake_servers.shuffle import Shuffler


def drawn(seed: str, blocks: list[list[int]], most: int) -> list[list[int]]:
    shuffler, batches = Shuffler(seed), []
    for block in blocks:
        shuffler.deal(block)
        while shuffler:
            batches.append(shuffler.draw(most))
    return batches


@given(st.text(), st.lists(st.integers(0, 10_000), unique=True, max_size=200), st.integers(1, 50))
def test_a_block_leaves_whole_in_batches_of_bounded_size(seed: str, block: list[int], most: int) -> None:
    batches = drawn(seed, [block], most)
    assert sorted(seq for batch in batches for seq in batch) == sorted(block)
    assert all(1 <= len(batch) <= most for batch in batches)


def test_the_seed_decides_and_blocks_do_not_mix() -> None:
    blocks = [list(range(50)), list(range(50, 100))]
    one, again, other = (drawn(seed, blocks, 10) for seed in ("1/web-01", "1/web-01", "2/web-01"))
    assert one == again != other
    order = [seq for batch in one for seq in batch]
    assert order[:50] != sorted(order[:50])
    assert sorted(order[:50]) == blocks[0]

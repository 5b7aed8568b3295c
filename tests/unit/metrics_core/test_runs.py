"""`split_runs` against the plain way: a dictionary of identities."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metrics_core.runs import is_one_run, split_runs
from metrics_core.sample import Sample
from tests.support.samples import a_run, a_sample, samples

identity_lists = st.lists(samples(most_seq=8), min_size=1, max_size=25)


@given(identity_lists)
def test_every_identity_once_grouped_by_producer_and_epoch(found: list[Sample]) -> None:
    groups, repeats = split_runs(found)
    first: dict[tuple[str, int, int], Sample] = {}
    for sample in found:
        first.setdefault((sample.producer, sample.epoch, sample.seq), sample)
    assert repeats == len(found) - len(first)
    order = list(dict.fromkeys((s.producer, s.epoch) for s in found))
    assert [(g.producer, g.epoch) for g in groups] == order, "in order of first appearance"
    for group in groups:
        of_group = [
            s
            for (producer, epoch, _), s in first.items()
            if (producer, epoch) == (group.producer, group.epoch)
        ]
        assert sorted(group.samples, key=lambda s: s.seq) == sorted(of_group, key=lambda s: s.seq), (
            "the first one counts"
        )


@given(identity_lists)
def test_runs_cover_the_numbers_ascending_disjoint_and_not_touching(found: list[Sample]) -> None:
    for group in split_runs(found)[0]:
        covered = [seq for low, high in group.runs for seq in range(low, high + 1)]
        assert covered == sorted({s.seq for s in group.samples})
        assert all(
            after[0] > before[1] + 1 for before, after in zip(group.runs, group.runs[1:], strict=False)
        )


def test_a_run_in_order_is_taken_as_it_is() -> None:
    run = a_run("web-01", 7, range(3, 9))
    groups, repeats = split_runs(run)
    assert (len(groups), repeats, groups[0].runs) == (1, 0, [[3, 8]])
    assert groups[0].samples is run


def test_is_one_run() -> None:
    run = a_run("web-01", 7, range(3))
    assert is_one_run(run)
    assert is_one_run(run[:1])
    assert not is_one_run(run[::-1])
    assert not is_one_run([run[0], run[0]])
    assert not is_one_run([run[0], run[2]])
    assert not is_one_run([run[0], a_sample("web-02", 7, 1)])
    assert not is_one_run([run[0], a_sample("web-01", 8, 1)])

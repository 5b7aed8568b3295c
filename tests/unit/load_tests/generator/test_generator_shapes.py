"""Shapes: the moment of a mass is the inverse of the mass up to a moment, for every shape and length."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load_tests.generator.shapes import SHAPES, Piece, Shape

levels = st.floats(0, 10).map(lambda level: round(level, 3))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Any shape of up to six pieces that is not level 0 throughout."""
    n = draw(st.integers(1, 6))
    cuts = sorted({0.0, 1.0, *(round(draw(st.floats(0.05, 0.95)), 2) for _ in range(n - 1))})
    pieces = [Piece(start, end, draw(levels), draw(levels)) for start, end in itertools.pairwise(cuts)]
    pieces[0] = pieces[0]._replace(level_start=max(0.1, pieces[0].level_start))
    return Shape(pieces, draw(st.floats(0.5, 10_000)))


def mass_up_to(shape: Shape, at_s: float, steps: int = 20_000) -> float:
    """The integral of the level by the trapezoid rule: slow, and independent of the code under test."""
    width = at_s / steps
    return math.fsum(width * shape.level((i + 0.5) * width) for i in range(steps))


@given(shapes(), st.floats(0, 1, exclude_max=True))
def test_the_moment_of_a_mass_has_that_mass_before_it(shape: Shape, share: float) -> None:
    mass_s = share * shape.mass_s
    at_s = shape.moment(mass_s)
    assert 0 <= at_s <= shape.duration_s * (1 + 1e-9)
    assert mass_up_to(shape, at_s, 2_000) == pytest.approx(mass_s, rel=0.02, abs=0.005 * shape.mass_s)


@given(shapes(), st.floats(0, 1), st.floats(0, 1))
def test_moments_ascend(shape: Shape, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert shape.moment(low * shape.mass_s) <= shape.moment(high * shape.mass_s)


@given(shapes())
def test_beyond_the_whole_mass_there_is_no_moment(shape: Shape) -> None:
    assert shape.moment(shape.mass_s) == math.inf
    assert shape.moment(2 * shape.mass_s) == math.inf
    assert shape.level(shape.duration_s) == 0


@pytest.mark.parametrize("name", SHAPES)
def test_the_pieces_of_a_shape_cover_the_whole_run(name: str) -> None:
    pieces = SHAPES[name]
    assert pieces[0].start == 0
    assert pieces[-1].end == pytest.approx(1)
    assert all(a.end == pytest.approx(b.start) for a, b in itertools.pairwise(pieces))
    shape = Shape(pieces, 20)
    assert mass_up_to(shape, 20) == pytest.approx(shape.mass_s, rel=0.001)


@pytest.mark.parametrize(
    "name, mass_s",
    [("steady", 20), ("soak", 20), ("burst", 20), ("spike", 28), ("ramp", 10), ("step", 12.5)],
)
def test_how_much_a_shape_offers(name: str, mass_s: float) -> None:
    """Against a steady run of 20 s; a burst offers as much as a steady run."""
    assert Shape(SHAPES[name], 20).mass_s == pytest.approx(mass_s)


def test_levels_are_those_that_the_names_promise() -> None:
    assert [Shape(SHAPES["spike"], 100).level(at) for at in (10, 44, 46, 54, 56)] == [1, 1, 5, 5, 1]
    assert [Shape(SHAPES["step"], 4).level(at) for at in (0.5, 1.5, 2.5, 3.5)] == [0.25, 0.5, 0.75, 1]
    assert Shape(SHAPES["ramp"], 10).level(5) == pytest.approx(0.5)
    assert [Shape(SHAPES["burst"], 20).level(at) for at in (0.5, 1.5, 5.5, 6.5)] == [3, 0.5, 3, 0.5]

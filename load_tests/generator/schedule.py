"""When each send of a producer is meant to happen. Pure, and the same for the same seed.

`constant`: evenly spaced, with a phase of its own for each producer. `poisson`: independent arrivals, as many clients
that know nothing of each other make them; the sum over producers is Poisson again. Either follows the shape, by
transforming the time of a uniform process (Çinlar 1975: the inverse of the cumulative rate).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from load_tests.generator.shapes import Shape


def send_times(shape: Shape, sends_per_s: float, kind: str, seed: int, producer: int) -> Iterator[float]:
    """Intended send times of one producer, s after the start, ascending, below the shape's duration.

    Args:
        shape: The level over time.
        sends_per_s: Sends per second of this producer at level 1.
        kind: `constant` or `poisson`.
        seed: Of the whole run.
        producer: Number of the producer: each has a stream of random numbers of its own.
    """
    source = random.Random(f"{seed}:{producer}:{kind}")
    mass_s = 0.0
    step_s = 1 / sends_per_s
    if kind == "constant":
        mass_s = (source.random() - 1) * step_s
    while True:
        mass_s += step_s if kind == "constant" else source.expovariate(sends_per_s)
        at_s = shape.moment(mass_s)
        if at_s >= shape.duration_s:
            return
        yield at_s

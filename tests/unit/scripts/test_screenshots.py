"""What the script makes of a picture. Taking them needs a lab and a browser, and is done by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scripts.screenshots import PICTURES, shrink


def png(pixels: np.ndarray) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG")
    return packed.getvalue()


def test_names_are_unique_and_every_layout_is_light_and_dark() -> None:
    names = [picture.name for picture in PICTURES]
    assert len(set(names)) == len(names)
    layouts = {picture.name.partition("-")[0] for picture in PICTURES if not picture.part}
    assert layouts == {"phone", "tablet", "laptop", "wide", "projector"}
    assert {f"{layout}-{scheme}" for layout in layouts for scheme in ("light", "dark")} <= {*names}


def test_a_light_picture_stays_as_it_is() -> None:
    pixels = np.full((40, 60, 3), (0, 114, 178), np.uint8)
    pixels[10:20] = (213, 94, 0)
    small = Image.open(io.BytesIO(shrink(png(pixels))))
    assert (np.asarray(small.convert("RGB")) == pixels).all()


def test_a_heavy_picture_gets_fewer_colours_and_keeps_a_small_mark() -> None:
    """Many greys, and one small triangle's worth of orange."""
    greys = np.random.default_rng(1).integers(0, 256, (400, 500, 1), np.uint8) // 4 + 100
    pixels = np.repeat(greys, 3, axis=2)
    pixels[..., 2] += np.random.default_rng(2).integers(0, 9, (400, 500), np.uint8)
    pixels[10:20, 10:20] = (213, 94, 0)
    small = Image.open(io.BytesIO(shrink(png(pixels))))
    assert small.size == (500, 400)
    assert small.mode == "P"
    mark = np.asarray(small.convert("RGB"), int)[10:20, 10:20]
    assert np.abs(mark - (213, 94, 0)).max() <= 8


def test_a_picture_that_stays_too_heavy_is_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (800, 800, 3), np.uint8)
    with pytest.raises(ValueError, match="at most 250,000"):
        shrink(png(noise))

"""Figures inside documents: a marker names a figure, the results file fills it, a test holds both together.

`<!--bench a_http1_single-->0.91 ×<!--end-->` is the median; `.lab` and `.bare` behind the name give the two values it
comes from. `<!--bench measured-->…<!--end-->` says how, when and where all were measured.
"""

from __future__ import annotations

import re
from typing import Any, Final

MARKER: Final = re.compile(
    r"<!--bench (?P<name>[a-z0-9_]+)(?:\.(?P<part>lab|bare))?-->(?P<text>.*?)<!--end-->"
)


def text_of(document: dict[str, Any], name: str, part: str | None) -> str:
    """What a marker shows.

    Raises:
        KeyError: The results hold no such figure.
    """
    if name == "measured":
        rounds = document["rounds"]
        return (
            f"{document['measured_on']}, revision {document['revision']}, medians of {rounds} interleaved rounds of"
            f" {document['seconds']:g} s, `appendfsync {document['fsync']}`, generator included,"
            f" seeds 0 to {rounds - 1}, on {document['machine']}, Python {document['python']}"
        )
    figure = document["figures"][name]
    if part:
        return str(figure[part])
    digits = 2 if figure["value"] < 100 else 0
    return f"{figure['value']:.{digits}f} {figure['unit']}"


def refresh(text: str, document: dict[str, Any]) -> str:
    """A document with every marker filled from the results."""
    return MARKER.sub(
        lambda m: m[0].replace(f"-->{m['text']}<!--", f"-->{text_of(document, m['name'], m['part'])}<!--"),
        text,
    )

"""Who asks, in one word, for records: `page`, `script`, or what a script calls itself in the header `lab-by`.

Only browsers send an `Origin`, so that a page is known by it. None of this is proof: it tells a reader of the records
where to look, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from metrics_core.errors import SchemaViolation

HEADER: Final = "lab-by"
PAGE: Final = "page"
SCRIPT: Final = "script"
_WORD: Final = re.compile(r"[a-z][a-z0-9-]{0,19}", re.ASCII)


def asked_by(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Who asks.

    Args:
        headers: Names in lower case, as ASGI gives them.

    Raises:
        SchemaViolation: `lab-by` is there and is not a word of 1 to 20 small letters, digits and hyphens.
    """
    word = SCRIPT
    for name, value in headers:
        if name == HEADER.encode():
            told = value.decode("latin-1")
            if not _WORD.fullmatch(told):
                raise SchemaViolation(
                    f"{HEADER}: expected a word of 1 to 20 small letters, digits and hyphens, a letter first"
                )
            return told
        if name == b"origin":
            word = PAGE
    return word

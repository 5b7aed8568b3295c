"""The pictures of the page: each is named by a document, each that is named is there, none is heavy."""

from __future__ import annotations

import re
from typing import Final

from scripts.screenshots import IMAGES, MOST_BYTES, PICTURES
from tests.architecture.tree import ROOT, files, name

SHOWN: Final = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)")
"""A picture in Markdown, with a text for who does not see it."""


def test_documents_show_each_picture_and_no_other() -> None:
    shown = {
        (path.parent / target).resolve()
        for path in files(".md")
        for target in SHOWN.findall(path.read_text(encoding="utf-8"))
    }
    assert sorted(name(path) for path in shown if path.parent == IMAGES) == sorted(
        name(path) for path in IMAGES.iterdir()
    )


def test_the_script_takes_all_of_them() -> None:
    assert sorted(f"{picture.name}.png" for picture in PICTURES) == sorted(
        path.name for path in IMAGES.iterdir()
    )


def test_none_is_heavy() -> None:
    assert IMAGES.is_relative_to(ROOT)
    assert [path.name for path in IMAGES.iterdir() if path.stat().st_size > MOST_BYTES] == []

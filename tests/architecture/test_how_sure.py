"""docs/how-sure.md is made of docs/how-sure.json, and what it says is what the trials found."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any, Final

import msgspec
import pytest

from tests.architecture.tree import ROOT

KEPT: Final[dict[str, Any]] = msgspec.json.decode((ROOT / "docs" / "how-sure.json").read_bytes())
LEAST_TRIALS: Final = 3


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("how_sure", ROOT / "scripts" / "how_sure.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_was_generated(script: ModuleType) -> None:
    assert (ROOT / "docs" / "how-sure.md").read_text(encoding="utf-8") == script.page(KEPT)


def test_both_pipelines_were_tried(script: ModuleType) -> None:
    for pipeline in script.PLANTED_PERCENT:
        trials = [each for each in KEPT["trials"] if each["pipeline"] == pipeline]
        assert len(trials) >= LEAST_TRIALS
        assert all(each["status"] == "complete" and each["lost"] == 0 for each in trials)


def test_copies_differ_only_where_they_should(script: ModuleType, tmp_path: Any) -> None:
    identical, slower = script.copies(tmp_path, 10.0)
    changed = []
    for path in sorted(identical.rglob("*.py")):
        name = path.relative_to(identical)
        assert path.read_bytes() == (ROOT / name).read_bytes()
        if (slower / name).read_bytes() != path.read_bytes():
            changed.append(str(name))
    assert changed == ["lab_runtime/process.py"]
    compile((slower / changed[0]).read_text(encoding="utf-8"), changed[0], "exec")

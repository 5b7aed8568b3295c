from __future__ import annotations

import re
from pathlib import Path

from control_plane.scenarios.script import draw, names, read_script
from control_plane.settings import ROOT

PAGE = (ROOT / "docs" / "scenarios.md").read_text()


def test_the_page_lists_every_scenario_once() -> None:
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == names()


def test_the_example_of_the_page_is_a_script(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "two-plugs.toml"
    path.write_text(text)
    script = read_script(str(path))
    assert [planned.target for planned in draw(script, "two-plugs", 1)] == ["redis", "worker"]


def test_the_mystery_has_as_many_faults_as_the_page_says() -> None:
    targets = [step.target for step in read_script("mystery").fault]
    assert sum(1 if isinstance(target, str) else len(target) for target in targets) == 9
    assert "one of nine" in PAGE

"""Joining the page's modules into one script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from load_tests.reports.html_page import PAGE
from load_tests.reports.script import joined
from metrics_core.errors import LabError

MODULES = sorted((PAGE / "js").glob("*.js"))


def write(folder: Path, **modules: str) -> Path:
    for name, code in modules.items():
        (folder / f"{name}.js").write_text(code)
    return folder / "main.js"


def test_what_is_imported_comes_first_and_once(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { a } from "./a.js";\nimport { b } from "./b.js";\na(b);\n',
        a='import { b } from "./b.js";\nexport function a() { return b; }\n',
        b="export const b = 1;\n",
    )
    code = joined(entry)
    assert code.count("const b = 1") == 1
    assert code.index("const b = 1") < code.index("function a()") < code.index("a(b);")
    assert "import" not in code
    assert "export" not in code


@pytest.mark.parametrize(
    "line", ["export default 1;", 'import x from "./a.js";', 'import * as x from "./a.js";', "export { x };"]
)
def test_what_it_cannot_join_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(LabError, match="cannot join"):
        joined(write(tmp_path, main=f"{line}\n", a=""))


def test_a_name_declared_twice_is_refused(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { a } from "./a.js";\nconst tick = a;\n',
        a="export const a = 1;\nconst tick = 2;\n",
    )
    with pytest.raises(LabError, match=r"main\.js and a\.js both declare tick"):
        joined(entry)


def test_every_module_of_the_page_is_joined() -> None:
    code = joined(PAGE / "js" / "main.js")
    for path in MODULES:
        if path.stem != "theme_first":
            assert path.read_text().splitlines()[-2] in code, path.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_keeps_the_rules(path: Path) -> None:
    """Texts go on the page as text; only `plot.js` knows Chart.js; no address of anything."""
    text = path.read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", code
    )
    assert not re.search(r"https?:|\bfetch\b|XMLHttpRequest|WebSocket", code)
    if path.stem != "theme_first":
        assert text.startswith("// @ts-check\n")
    if path.stem != "plot":
        assert not re.search(r"\bChart\b", code)

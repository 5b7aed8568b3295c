"""Joins the page's ES modules into one script, since a file that is opened from disk cannot import another.

Deliberately small: it takes only what the modules of `page/js/` use (named imports from `./…`, `export` before a
declaration) and refuses everything else, also two modules that declare the same name at the top.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from metrics_core.errors import LabError

_IMPORT: Final = re.compile(r'^import \{([^}]*)\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|const|class) )", re.MULTILINE)
_DECLARED: Final = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
_LEFT: Final = re.compile(r"^\s*(?:import|export)\b.*", re.MULTILINE)


def joined(entry: Path) -> str:
    """The module at `entry` behind all that it imports, each once, as one text.

    Raises:
        LabError: A module uses a form of import or export that is not supported, or a name twice.
    """
    order: list[Path] = []
    _collect(entry, order)
    owners: dict[str, str] = {}
    parts = []
    for path in order:
        code = path.read_text(encoding="utf-8")
        for name in _DECLARED.findall(code):
            if name in owners:
                raise LabError(f"{path.name} and {owners[name]} both declare {name}; rename one of them")
            owners[name] = path.name
        code = _EXPORT.sub("", _IMPORT.sub("", code))
        if left := _LEFT.search(_without_comments(code)):
            raise LabError(
                f"{path.name}: cannot join {left[0].strip()!r}; use named imports and exports only"
            )
        parts.append(code)
    return "\n".join(parts)


def _collect(path: Path, order: list[Path]) -> None:
    for _, name in _IMPORT.findall(path.read_text(encoding="utf-8")):
        if path.parent / name not in order:
            _collect(path.parent / name, order)
    if path not in order:
        order.append(path)


def _without_comments(code: str) -> str:
    return re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)

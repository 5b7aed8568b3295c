"""Are weaknesses known of what the locks pin? `python3 -m scripts.audit_dependencies` (pip-audit, over the network).

Exit code 1 where one is known, 0 where none is, and also where the advisory service cannot be asked: CI must not depend
on somebody else's server, and says in one line that nothing was audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCKS: Final = ("lab", "report", "test")
ASKED_WITHIN_S: Final = 180
_SHOWN: Final = 3


def ask(timeout_s: float = ASKED_WITHIN_S) -> tuple[list[dict[str, Any]] | None, str]:
    """Have pip-audit look at every lock.

    Returns:
        Its findings by package, and why there are none (empty: there are some).
    """
    locks = [argument for name in LOCKS for argument in ("-r", str(ROOT / "requirements" / f"{name}.txt"))]
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        options = (
            "--require-hashes",
            "--disable-pip",
            "--progress-spinner",
            "off",
            "-f",
            "json",
            "-o",
            str(found),
        )
        command = [sys.executable, "-m", "pip_audit", *options, *locks]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            return None, f"no answer within {timeout_s:g} s"
        try:
            packages = json.loads(found.read_text(encoding="utf-8"))["dependencies"]
        except (OSError, ValueError, KeyError, TypeError):
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            return None, last[0][:200]
    return packages, ""


def judge(packages: list[dict[str, Any]] | None, why_not: str) -> tuple[int, list[str]]:
    """The exit code and what to say. Pure."""
    if packages is None:
        return 0, [f"not audited: the advisory service cannot be asked ({why_not})"]
    known = {package["name"]: package for package in packages}  # a package stands in several locks
    skipped = sorted(name for name, package in known.items() if "skip_reason" in package)
    if known and len(skipped) == len(known):
        return 0, [f"not audited: the advisory service knows none of the {len(known)} packages"]
    weak = [
        f"{name} {package['version']}: {weakness['id']}, "
        f"repaired in {', '.join(weakness['fix_versions']) or 'no version'}"
        for name, package in sorted(known.items())
        for weakness in package.get("vulns", [])
    ]
    lines = [f"{len(known) - len(skipped)} packages audited, {len(weak)} known weaknesses", *weak]
    if skipped:
        shown = ", ".join(skipped[:_SHOWN]) + (" …" if len(skipped) > _SHOWN else "")
        lines.append(f"{len(skipped)} packages are not known to the advisory service: {shown}")
    return (1 if weak else 0), lines


def main() -> int:
    """Ask, tell, and give the exit code."""
    code, lines = judge(*ask())
    for line in lines:
        print(f"dependency audit: {line}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())

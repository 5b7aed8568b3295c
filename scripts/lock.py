"""Regenerate the hash-locked requirements from their `.in` files: `python3 scripts/lock.py` (needs `uv`).

The locks are universal (one file for every platform and Python ≥ 3.11) and name no registry, so that a mirror or a
wheelhouse serves as well. Versions that still fit are kept; `--upgrade` takes the newest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
OPTIONS = ("--universal", "--generate-hashes", "--no-emit-index-url", "--python-version", "3.11")


def main(arguments: list[str]) -> int:
    """Lock all files, each on top of the versions of the one before."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if uv is None:
        print("lock: uv is not installed; get it with `python3 -m pip install uv`", file=sys.stderr)
        return 2
    for name in ("lab", "report", "test"):
        command = [
            uv,
            "pip",
            "compile",
            *OPTIONS,
            "--custom-compile-command",
            "python3 scripts/lock.py",
            *arguments,
        ]
        done = subprocess.run([*command, "-q", "-o", f"{name}.txt", f"{name}.in"], cwd=FOLDER, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

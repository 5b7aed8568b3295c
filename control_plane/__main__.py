"""`python -m control_plane …`, which `lab.py` hands over to."""

from __future__ import annotations

import sys

OURS = ("control_plane", "lab_runtime", "metrics_core", "load_tests")


def main() -> int:
    """Run the command line; a library that is missing is told with the way to repair it."""
    try:
        from control_plane.cli import main as run
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in OURS:
            raise
        print(f"lab: .venv is damaged ({missing}); remove it and start again: rm -r .venv", file=sys.stderr)
        return 2
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

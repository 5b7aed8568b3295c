"""`test`: style, types, bandit and tests, in this order; pytest last, so that its closing line ends the output.

Unit tests, those of the page and some more mind no neighbour, so they run beside the others, in a pytest of their own
whose output is shown when it ends. Those marked `alone` measure, and stay in the row. With arguments for pytest there
is one run.

CI also has the dependencies audited (`LAB_TEST_AUDIT=1`): that asks a service on the network, which tests do not.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Final

from control_plane.settings import BOOTSTRAP_VARIABLES, ROOT
from metrics_core.errors import LabError

COMPOSE_SWITCH: Final = "LAB_TEST_COMPOSE"
AUDIT_SWITCH: Final = "LAB_TEST_AUDIT"
SHIPPED: Final = (
    "lab.py",
    "control_plane",
    "fake_servers",
    "lab_runtime",
    "load_tests",
    "metrics_core",
    "pipeline_http_redis",
    "pipeline_websocket",
    "scripts",
)
"""What bandit looks at: all Python but the tests."""

CHECKS: Final = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format --check", ("ruff", "format", "--check", ".")),
    ("mypy", ("mypy",)),
    ("bandit", ("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *SHIPPED)),
)
SHARED: Final = ("pytest", "-m", "beside and not alone", "-p", "no:cacheprovider")
BESIDE_WITHIN_S: Final = 1_500.0
"""How long they may take, the machine being shared."""

AUDIT: Final = ("dependency audit", ("scripts.audit_dependencies",))


def run_tests(pytest_arguments: tuple[str, ...], *, tests_only: bool) -> int:
    """Run all steps, also after one that fails.

    Returns:
        The exit code of the first step that failed, else 0.

    Raises:
        LabError: What the tests need is not installed.
    """
    missing = [
        name
        for name in ("ruff", "mypy", "bandit", "pytest", "playwright")
        if not importlib.util.find_spec(name)
    ]
    if missing:
        raise LabError(
            f"{', '.join(missing)} missing in .venv; `python3 lab.py test` installs what tests need"
        )
    environ = test_environ()
    codes = []
    for name, command in () if tests_only else CHECKS:
        codes.append(_step(name, command, environ))
    if os.environ.get(AUDIT_SWITCH) == "1":
        codes.append(_step(*AUDIT, environ))
    compose = os.environ.get(COMPOSE_SWITCH) == "1"
    if not compose:
        _say(f"tests/compose is left out: it needs a Docker engine (select it with {COMPOSE_SWITCH}=1)")
    if pytest_arguments:
        selection = ("-m", "compose or not compose") if compose else ()
        codes.append(_step("pytest", ("pytest", *selection, *pytest_arguments), environ))
    else:
        beside = _Beside("unit tests and tests of the page", SHARED, environ)
        others = "alone or not beside" if compose else "not compose and (alone or not beside)"
        codes.append(_step("pytest", ("pytest", "-m", others), environ))
        codes.append(beside.code())
    return next((code for code in codes if code), 0)


class _Beside:
    """A step that runs while others do; what it says is shown whole when it ends."""

    def __init__(self, name: str, command: tuple[str, ...], environ: dict[str, str]) -> None:
        self._name, self._command, self._environ = name, command, environ
        self._code = 1
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            try:
                self._code = subprocess.run(
                    [sys.executable, "-m", *self._command],
                    cwd=ROOT,
                    env=self._environ,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    check=False,
                    timeout=BESIDE_WITHIN_S,
                ).returncode
            except subprocess.TimeoutExpired:
                said.write(f"not done after {BESIDE_WITHIN_S:.0f} s")
            said.seek(0)
            print(f"\nlab test: {self._name}, run beside the others:\n{said.read()}", flush=True)

    def code(self) -> int:
        """Its exit code, when it has ended."""
        self._thread.join()
        return self._code


def test_environ() -> dict[str, str]:
    """This environment without the user's `LAB_…` settings, which must not change what tests see."""
    environ = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("LAB_") or name in BOOTSTRAP_VARIABLES
    }
    return environ | {"PYTHONPATH": str(ROOT)}


def _step(name: str, command: tuple[str, ...], environ: dict[str, str]) -> int:
    _say(name)
    begun = time.monotonic()
    code = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environ, check=False).returncode
    if name != "pytest":
        _say(f"{name}: {'ok' if code == 0 else f'exit code {code}'} ({time.monotonic() - begun:.0f} s)")
    return code


def _say(text: str) -> None:
    print(f"lab test: {text}", flush=True)

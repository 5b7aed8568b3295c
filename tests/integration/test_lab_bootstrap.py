"""`lab.py` for real: it makes a `.venv`, installs a lock from a wheelhouse, hands over; and what it does when cut off.

The folder under test is a small stand-in: `lab.py` itself, a lock of one tiny wheel, and a `control_plane` that prints
what it got. No network is used.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CONTROL_PLANE = """
import json, os, sys
import tinylib
print(json.dumps({"arguments": sys.argv[1:], "version": tinylib.VERSION, "prefix": sys.prefix, "cwd": os.getcwd(),
                  "pid": os.getpid()}))
sys.exit(7 if "fail" in sys.argv else 0)
"""


def make_wheel(folder: Path, version: str = "1.0") -> str:
    """A wheel of one module; gives its line of a lock."""
    info = f"tinylib-{version}.dist-info"
    files = {
        "tinylib.py": f'VERSION = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    folder.mkdir(exist_ok=True)
    path = folder / f"tinylib-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return f"tinylib=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Folder:
    """A stand-in for a clone of the lab."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        shutil.copy(ROOT / "lab.py", path)
        (path / "control_plane").mkdir()
        (path / "control_plane" / "__main__.py").write_text(CONTROL_PLANE)
        (path / "requirements").mkdir()
        line = make_wheel(path / "wheels")
        for name in ("lab", "report", "test"):
            (path / "requirements" / f"{name}.txt").write_text(line)

    def environ(self, **more: str) -> dict[str, str]:
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "LAB_", "PYTHON"))
        }
        return kept | {"PIP_CONFIG_FILE": os.devnull, "LAB_WHEELHOUSE": str(self.path / "wheels")} | more

    def run(
        self, *arguments: str, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.path / "lab.py"), *arguments],
            cwd=cwd or self.path,
            env=self.environ(**environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.path / "lab.py"), *arguments],
            cwd=self.path,
            env=self.environ(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "a lab")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder whose `.venv` is there; tests that share it leave it as it is."""
    made = Folder(tmp_path_factory.mktemp("installed") / "a lab")
    first = made.run("up")
    assert first.returncode == 0, first.stderr
    assert "installing" in first.stderr
    return made


def test_the_second_start_is_quick_silent_and_offline(installed: Folder, tmp_path: Path) -> None:
    begun = time.monotonic()
    second = installed.run(
        "up", "--flag", cwd=tmp_path, LAB_WHEELHOUSE="/nowhere", PIP_INDEX_URL="http://127.0.0.1:9/"
    )
    took_s = time.monotonic() - begun
    assert second.returncode == 0, second.stderr
    assert second.stderr == ""
    said = json.loads(second.stdout)
    assert said["arguments"] == ["up", "--flag"]
    assert said["prefix"] == str(installed.path / ".venv")
    assert said["cwd"] == str(tmp_path)
    assert took_s < 1.0


def test_the_exit_code_and_the_process_are_those_of_the_command(installed: Folder) -> None:
    started = installed.start("fail")
    out, _ = started.communicate(timeout=30)
    assert started.returncode == 7
    assert json.loads(out)["pid"] == started.pid


def test_a_module_beside_the_user_does_not_shadow_a_library(installed: Folder, tmp_path: Path) -> None:
    (tmp_path / "tinylib.py").write_text("raise SystemExit('shadowed')")
    assert installed.run("up", cwd=tmp_path, PYTHONPATH=str(tmp_path)).returncode == 0


def test_a_changed_lock_is_installed(folder: Folder) -> None:
    folder.run("up")
    line = make_wheel(folder.path / "wheels", "2.0")
    (folder.path / "requirements" / "lab.txt").write_text(line)
    again = folder.run("up")
    assert "installing" in again.stderr
    assert json.loads(again.stdout)["version"] == "2.0"


def test_a_half_made_venv_is_made_anew(folder: Folder) -> None:
    (folder.path / ".venv" / "bin").mkdir(parents=True)
    (folder.path / ".venv" / "bin" / "python").write_text("no program")
    first = folder.run("up")
    assert first.returncode == 0, first.stderr
    assert "making it anew" in first.stderr


def test_a_moved_folder_is_made_anew(folder: Folder) -> None:
    folder.run("up")
    moved = folder.path.rename(folder.path.with_name("elsewhere"))
    folder.path = moved
    first = folder.run("up")
    assert "making it anew" in first.stderr
    assert json.loads(first.stdout)["prefix"] == str(moved / ".venv")


def test_a_wheel_with_another_hash_is_refused_and_not_used(folder: Folder) -> None:
    wrong = "tinylib==1.0 --hash=sha256:" + 64 * "0" + "\n"
    (folder.path / "requirements" / "lab.txt").write_text(wrong)
    refused = folder.run("up")
    assert refused.returncode == 2
    assert "hash differs" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (folder.path / ".venv" / "lab-stamp.json").exists()


def test_without_network_it_says_what_to_do(folder: Folder) -> None:
    refused = folder.run(
        "up", "--rate", "2", LAB_WHEELHOUSE="", PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0"
    )
    assert refused.returncode == 2
    assert "no network" in refused.stderr
    assert "LAB_WHEELHOUSE=wheels python3 lab.py up --rate 2" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wheelhouse_that_is_not_there_is_named(folder: Folder) -> None:
    refused = folder.run("up", LAB_WHEELHOUSE="/nowhere/wheels")
    assert refused.returncode == 2
    assert "LAB_WHEELHOUSE=/nowhere/wheels: no such folder" in refused.stderr


def test_two_starts_at_once_install_once(folder: Folder) -> None:
    both = [folder.start("up") for _ in range(2)]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sorted("lab: installing" in err for _, err in said) == [False, True]


def test_ctrl_c_while_installing_leaves_nothing_half_made_in_use(folder: Folder) -> None:
    started = folder.start("up")
    deadline = time.monotonic() + 60
    while not (folder.path / ".venv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "stopped while installing" in err
    assert "Traceback" not in err
    again = folder.run("up")
    assert again.returncode == 0, again.stderr

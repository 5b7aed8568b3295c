"""`lab.py` without a network or a venv: what it says, what it trusts, and that old Pythons can read it."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def lab() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lab", ROOT / "lab.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_parses_on_old_pythons() -> None:
    source = (ROOT / "lab.py").read_text(encoding="utf-8")
    assert source.isascii()
    tree = ast.parse(source)
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef, ast.Nonlocal)
    for node in ast.walk(tree):
        assert not isinstance(node, newer), f"line {node.lineno}: too new"
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            assert not any(isinstance(part, ast.Starred) for part in node.elts), f"line {node.lineno}: star"
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs


def test_imports_nothing_but_sys_at_the_top() -> None:
    tree = ast.parse((ROOT / "lab.py").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [alias.name for node in imports for alias in node.names] == ["sys"]
    inner = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in inner} <= sys.stdlib_module_names


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)])
def test_an_old_python_is_told_what_is_needed(
    lab: ModuleType, version: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        lab.check_machine(version=version)
    assert stopped.value.code == 2
    said = refusal(capsys)
    assert "Python 3.11 or newer is needed, this is Python " + ".".join(map(str, version)) in said
    assert "apt install" in said


@pytest.mark.parametrize("found", [{"os_name": "nt"}, {"platform": "cygwin"}])
def test_windows_is_pointed_to_wsl2_or_docker(
    lab: ModuleType, found: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        lab.check_machine(**found)
    assert stopped.value.code == 2
    said = refusal(capsys)
    assert "WSL2" in said
    assert "docker compose up" in said


def test_a_good_machine_passes(lab: ModuleType) -> None:
    lab.check_machine(version=(3, 11, 0), os_name="posix", platform="linux")


def test_a_python_without_ensurepip_is_told_the_package(
    lab: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ensurepip" else known(name, *more)
    )
    with pytest.raises(SystemExit) as stopped:
        lab.make_venv(lab.Venv(str(tmp_path)))
    assert stopped.value.code == 2
    assert "apt install python3-venv" in refusal(capsys)
    assert not (tmp_path / ".venv").exists()


def make_venv(lab: ModuleType, root: Path) -> object:
    """A folder that looks like an installed `.venv`."""
    (root / "requirements").mkdir()
    for name in ("lab", "report", "test"):
        (root / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    venv = lab.Venv(str(root))
    venv.write_stamp({"lab": lab.file_hash(venv.lock_path("lab"))})
    return venv


def test_a_stamped_venv_is_ready(lab: ModuleType, tmp_path: Path) -> None:
    venv = make_venv(lab, tmp_path)
    assert venv.ready("lab")  # type: ignore[attr-defined]
    assert not venv.ready("test")  # type: ignore[attr-defined]


def test_a_changed_lock_is_noticed(lab: ModuleType, tmp_path: Path) -> None:
    venv = make_venv(lab, tmp_path)
    (tmp_path / "requirements" / "lab.txt").write_text("lab==2\n")
    assert venv.read_stamp()  # type: ignore[attr-defined]
    assert not venv.ready("lab")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "damage", ["no stamp", "cut stamp", "wrong stamp", "moved", "python gone", "python new"]
)
def test_an_unusable_venv_is_noticed(lab: ModuleType, tmp_path: Path, damage: str) -> None:
    venv = make_venv(lab, tmp_path)
    stamp = tmp_path / ".venv" / "lab-stamp.json"
    python = tmp_path / ".venv" / "bin" / "python"
    if damage == "no stamp":
        stamp.unlink()
    elif damage == "cut stamp":
        stamp.write_text(stamp.read_text()[:20])
    elif damage == "wrong stamp":
        stamp.write_text("[]")
    elif damage == "moved":
        stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"folder": "/elsewhere/.venv"}))
    else:
        python.unlink()
        if damage == "python new":
            python.symlink_to("/bin/sh")
    assert venv.read_stamp() is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "said, wheelhouse, expected",
    [
        ("... NewConnectionError: [Errno 101] Network is unreachable", "", "LAB_WHEELHOUSE=wheels"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "", "its hash differs"),
        ("OSError: [Errno 28] No space left on device", "", "disk is full"),
        ("ERROR: No matching distribution found for x==1", "", "no ready-made wheel"),
        ("ERROR: No matching distribution found for x==1", "/wheels", "are not all that is needed"),
        ("something else\nlast words", "", "last words"),
    ],
)
def test_a_failed_installation_is_explained(
    lab: ModuleType, said: str, wheelhouse: str, expected: str
) -> None:
    assert expected in "\n".join(lab.explain_pip(said, "lab", wheelhouse))


def test_reports_need_a_larger_lock_and_tests_the_largest(lab: ModuleType) -> None:
    assert lab.wanted_locks("test") == "test"
    assert lab.wanted_locks("compare") == lab.wanted_locks("capacity") == "report"
    assert lab.wanted_locks("up") == lab.wanted_locks("") == "lab"


def test_pip_checks_hashes_and_takes_wheels_only(lab: ModuleType, tmp_path: Path) -> None:
    online = lab.pip_command(lab.Venv(str(tmp_path)), "lab", "")
    assert "--require-hashes" in online
    assert online[online.index("--only-binary") + 1] == ":all:"
    assert "--no-index" not in online
    offline = lab.pip_command(lab.Venv(str(tmp_path)), "lab", "/wheels")
    assert offline[offline.index("--no-index") :][:3] == ["--no-index", "--find-links", "/wheels"]

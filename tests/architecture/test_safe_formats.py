"""Nothing that the lab reads back can run code: no pickle and its like anywhere, RQ's serializer is ours."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from pipeline_http_redis import rq_safe
from tests.architecture.tree import PACKAGES, ROOT, files, imports, name

UNSAFE: Final = {
    "pickle",
    "cPickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "jsonpickle",
}
YAML_LOADERS: Final = {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"}
TAKE_A_SERIALIZER: Final = {"Queue", "SimpleWorker", "Worker", "Job.fetch"}
RUNS_TEXT: Final = {"eval", "exec", "compile"}


def shipped() -> list[Path]:
    """All Python but the tests."""
    return [path for path in files(".py") if not name(path).startswith("tests/")]


def calls(path: Path) -> set[str]:
    """What a file calls, as it stands there: `eval`, `yaml.load`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_all_packages_are_looked_at() -> None:
    assert {name(path).partition("/")[0] for path in shipped()} >= {*PACKAGES, "lab.py", "scripts"}


@pytest.mark.parametrize("path", shipped(), ids=name)
def test_no_file_reads_or_writes_what_could_run(path: Path) -> None:
    assert not {module.partition(".")[0] for module in imports(path)} & UNSAFE
    called = calls(path)
    assert not called & {f"yaml.{loader}" for loader in YAML_LOADERS}
    assert not called & RUNS_TEXT
    assert not called & {"importlib.reload", "os.system", "os.popen"}


def test_rqs_serializer_is_ours_wherever_a_queue_or_worker_is_made() -> None:
    assert not {module.partition(".")[0] for module in imports(Path(rq_safe.__file__))} & UNSAFE
    makers = [
        path
        for path in files(".py", under=ROOT / "pipeline_http_redis")
        if any(module.partition(".")[0] == "rq" for module in imports(path))
    ]
    assert makers
    for path in makers:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in TAKE_A_SERIALIZER:
                assert any(keyword.arg == "serializer" for keyword in node.keywords), (
                    f"{name(path)}: {node.lineno}"
                )

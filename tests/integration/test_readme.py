"""What the README tells a user to type works against a running lab, with the lab's ports put in."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.lab_process import ROOT, LabProcess, until

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def block_with(language: str, word: str) -> str:
    """The one block that has a word in it."""
    (found,) = [block for block in blocks(language) if word in block]
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    process = LabProcess(tmp_path_factory.mktemp("readme") / "state")
    process.up()
    yield process
    process.close()


def with_ports(lab: LabProcess, text: str) -> str:
    """The README's ports (8765 to 8769) replaced by the lab's."""
    for offset in range(5):
        text = text.replace(f":{8765 + offset}", f":{lab.port_base + offset}")
    return text


def ledger(lab: LabProcess, port_offset: int) -> dict[str, Any]:
    url = f"http://127.0.0.1:{lab.port_base + port_offset}/v1/ledger"
    found: dict[str, Any] = httpx2.get(url, trust_env=False).json()
    return found


def curl(*arguments: str) -> str:
    assert shutil.which("curl"), "curl is missing: apt install curl"
    done = subprocess.run(["curl", "-s", *arguments], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_curl_sends_a_sample_and_five_times_count_once(lab: LabProcess, tmp_path: Path) -> None:
    command = with_ports(lab, block_with("sh", "by-hand"))
    before = ledger(lab, 1)["totals"]["duplicates"]
    for protocol in (
        "--http1.1",
        "--http2-prior-knowledge",
        "--http1.1",
        "--http2-prior-knowledge",
        "--http1.1",
    ):
        answer = curl(protocol, *shlex.split(command)[1:])
        assert " 202" in answer.splitlines()[0]
        assert '{"accepted":1}' in answer
    until(lambda: ledger(lab, 1)["totals"]["duplicates"] == before + 4)
    assert ledger(lab, 1)["producers"]["by-hand"] == {"1766200000123456": [[0, 0]]}


def test_the_python_script_sends_a_sample(lab: LabProcess, tmp_path: Path) -> None:
    script = tmp_path / "send.py"
    script.write_text(with_ports(lab, block_with("python", "websockets")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"type": "ack", "frames": 1}
    assert ledger(lab, 3)["producers"]["by-hand"] == {"1766200000123456": [[0, 0]]}


def test_every_other_curl_line_answers(lab: LabProcess) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl http")]
    assert len(lines) >= 3
    for line in lines:
        command = shlex.split(with_ports(lab, line), comments=True)
        assert curl("--fail", *command[1:])


def test_every_command_of_the_lab_is_known(lab: LabProcess) -> None:
    for name in sorted(set(re.findall(r"python3 lab\.py ([a-z]+)", README))):
        done = lab.run(name, "--help")
        assert done.returncode == 0, f"lab.py {name}: {done.stderr}"

"""The token is in no log, event, answer, report, command line or file of the state folder, whatever is done.

The fixture looks once more when the lab has stopped, after all tests that used it.
"""

from __future__ import annotations

from pathlib import Path

import httpx2
import psutil

from tests.lab_process import LabProcess, alive, until
from tests.support.guarded_lab import DOORS, TOKEN, GuardedLab


def test_nothing_tells_the_token(guarded_lab: GuardedLab, tmp_path: Path) -> None:
    lab = guarded_lab.process
    guest = lab.run("token", "--for", "1h")
    assert guest.returncode == 0, guest.stderr
    outputs = [guest]
    for offered in (TOKEN, "wrong", guest.stdout.strip(), guarded_lab.guest(-1)):
        for door in DOORS:
            if door.name not in ("drain", "ingest-http1", "ingest-http2", "ingest-b"):
                guarded_lab.knock(door, offered)
                guarded_lab.knock(door, offered, in_query=True)
    lab.kill("worker-1")
    until(lambda: "starting it again" in lab.said())
    outputs += [lab.run("ledger", "--json", str(tmp_path / "audit.json")), lab.run("doctor"), lab.run("up")]
    told = [where for where, content in guarded_lab.written() if TOKEN.encode() in content]
    assert told == []
    shown = (
        "".join(output.stdout + output.stderr for output in outputs) + (tmp_path / "audit.json").read_text()
    )
    assert TOKEN not in shown
    assert lab.said().count(TOKEN) == 1, "it is shown once, with the link"
    assert f"/#token={TOKEN}" in lab.said()


def test_a_lab_that_others_can_reach_makes_a_token_and_shows_it_once(tmp_path: Path) -> None:
    lab = LabProcess(tmp_path / "state", LAB_HOST="0.0.0.0", LAB_SERVERS="2", LAB_WORKERS="1")
    try:
        record = lab.up("--no-open")
        until(lambda: "press Ctrl-C" in lab.said())
        said = lab.said()
        token = said.partition("#token=")[2].split()[0]
        assert len(token) == 22
        assert "a token was made for this run" in said
        lines = [line for line in said.splitlines() if token in line]
        assert all("#token=" in line for line in lines)
        url = f"http://127.0.0.1:{record.port_base}/api/lab"
        with httpx2.Client(trust_env=False, timeout=20) as client:
            assert client.get(url).json()["error"] == "unauthorized"
            let_in = client.get(url, headers={"authorization": f"Bearer {token}"}).json()
        assert let_in["settings"]["servers"] == 2
        hidden = lab.run("ledger")
        assert hidden.returncode == 2
        assert "set LAB_TOKEN to the token that `up` shows" in hidden.stderr
        for path in lab.state_dir.rglob("*"):
            assert not path.is_file() or token.encode() not in path.read_bytes(), path
        for process in [*alive(record), psutil.Process(lab.process.pid)]:
            assert token not in " ".join(process.cmdline())
    finally:
        lab.close()

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from control_plane import up as up_module
from control_plane.client import LabUnreachable
from control_plane.settings import Settings
from control_plane.terminal import Terminal
from control_plane.up import UpOptions, dashboard_url, shown_store, write_json
from metrics_core.errors import LabError


def test_the_token_goes_into_the_fragment_which_browsers_keep() -> None:
    assert (
        dashboard_url(Settings.from_environ({"LAB_TOKEN": "a b&c"}))
        == "http://127.0.0.1:8765/#token=a%20b%26c"
    )
    assert dashboard_url(Settings.from_environ({})) == "http://127.0.0.1:8765/"


@pytest.mark.parametrize(
    "url, shown",
    [
        ("", "embedded Valkey, appendfsync always"),
        ("redis://:secret@there:6379/0", "redis://there:6379/0"),
        ("redis://there:6379/0", "redis://there:6379/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert shown_store(Settings.from_environ({"LAB_REDIS_URL": url})) == shown


def test_the_audit_is_written_or_the_place_is_named(tmp_path: Path) -> None:
    write_json(None, {"ok": True})
    write_json(tmp_path / "a.json", {"ok": True})
    assert (tmp_path / "a.json").read_text() == '{\n  "ok": true\n}\n'
    with pytest.raises(LabError, match="cannot be written"):
        write_json(tmp_path / "none" / "a.json", {"ok": True})


async def test_faults_are_undone_before_the_lab_is_drained_and_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    class Client:
        def __init__(self, *_: object) -> None:
            return None

        async def __aenter__(self) -> Client:
            return self

        async def __aexit__(self, *_: object) -> None:
            return None

        async def drain(self) -> None:
            done.append("drain")
            raise LabUnreachable("the fleet is away")

    async def undo_all() -> None:
        done.append("undo")

    monkeypatch.setattr(up_module, "LabClient", Client)
    settings = Settings.from_environ({"LAB_STATE_DIR": str(tmp_path), "LAB_RUN": "r"})
    session = SimpleNamespace(
        settings=settings,
        faults=SimpleNamespace(undo_all=undo_all),
        supervisor=SimpleNamespace(children=[]),
    )
    code = await up_module._audit(session, UpOptions(for_s=1), Terminal())  # type: ignore[arg-type]
    assert (code, done) == (1, ["undo", "drain"])

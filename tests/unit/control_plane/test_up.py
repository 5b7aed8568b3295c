from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.settings import Settings
from control_plane.up import dashboard_url, shown_store, write_json
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

"""The command `token`, and the token that `up` makes where others can reach the lab."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from control_plane import settings as settings_module
from control_plane.cli import main
from control_plane.token import Duration, guarded_environ, is_loopback, with_token
from lab_runtime.env import VARIABLES
from lab_runtime.tokens import Tokens, expiry_s, sign
from metrics_core.errors import ConfigError

MASTER = "a token of twenty-four ch"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings_module, "ROOT", tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path))


@pytest.mark.parametrize(
    "text, seconds",
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("1.5 H", 5400), ("30d", 2_592_000)],
)
def test_a_length_of_time(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "0s", "-1h", "31d", "2w", "1e3s", "nan h", "2h30m", "٢h"])
def test_no_length_of_time(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_TOKEN", MASTER)
    assert main(["token", "--for", text]) == 2
    assert "expected 1s to 30d" in capsys.readouterr().err


def test_a_guests_token_is_printed_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_TOKEN", MASTER)
    begun_s = time.time()
    assert main(["token", "--for", "90s"]) == 0
    out, err = capsys.readouterr()
    guest = out.strip()
    expires_s = expiry_s(guest)
    assert expires_s is not None
    assert begun_s + 89 <= expires_s <= time.time() + 90
    assert Tokens(MASTER).fault(f"Bearer {guest}".encode(), begun_s) is None
    assert f"http://127.0.0.1:8765/#token={guest}" in err
    assert MASTER not in out + err


def test_the_labs_own_token_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token"]) == 2
    assert "LAB_TOKEN is not set here" in capsys.readouterr().err
    monkeypatch.setenv("LAB_TOKEN", sign(MASTER, 9_999_999_999))
    assert main(["token"]) == 2
    assert "a guest's token, which cannot sign another" in capsys.readouterr().err


@pytest.mark.parametrize(
    "host, loopback",
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("lab.local", False),
        ("localhost.evil.example", False),
    ],
)
def test_where_others_can_reach_it_a_lab_has_a_token(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    environ, told = guarded_environ({"LAB_HOST": host, "LAB_RATE": "2"})
    assert environ["LAB_RATE"] == "2"
    assert ("LAB_TOKEN" in environ, bool(told)) == (not loopback, not loopback)
    if not loopback:
        assert len(environ["LAB_TOKEN"]) == 22
        assert environ["LAB_TOKEN"] not in told
        assert guarded_environ({"LAB_HOST": host})[0]["LAB_TOKEN"] != environ["LAB_TOKEN"]


def test_a_token_that_was_given_stays() -> None:
    given = {"LAB_HOST": "0.0.0.0", "LAB_TOKEN": MASTER}
    assert guarded_environ(given) == (given, "")
    assert guarded_environ({}) == ({}, "")
    environ, told = guarded_environ({"LAB_HOST": "0.0.0.0", "LAB_TOKEN": "short"})
    assert environ["LAB_TOKEN"] == "short"
    assert "can be guessed" in told


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_guests_token_is_no_labs_own(host: str) -> None:
    with pytest.raises(ConfigError, match="guest's token"):
        guarded_environ({"LAB_HOST": host, "LAB_TOKEN": sign(MASTER, 1)})


def test_links_carry_a_token_in_the_fragment() -> None:
    assert with_token("http://h/", "a b&c") == "http://h/#token=a%20b%26c"
    assert with_token("http://h/", "") == "http://h/"

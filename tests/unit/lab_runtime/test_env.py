"""Settings: every variable's default is valid, every bad value is refused in words that say what may stand there."""

from __future__ import annotations

import pytest

from lab_runtime.env import PUBLISHED_PORTS, VARIABLES, Env
from metrics_core.alerts import AlertRules, Threshold
from metrics_core.errors import ConfigError

NUMBERS = [name for name, variable in VARIABLES.items() if variable.low is not None]
WORDS = [name for name, variable in VARIABLES.items() if variable.words]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_default_is_valid_and_every_variable_has_a_meaning(name: str) -> None:
    env = Env({})
    assert env.text(name) == VARIABLES[name].default
    assert VARIABLES[name].meaning
    if name in NUMBERS:
        env.number(name)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["x", "nan", "inf", "-inf", "1e400", "-1e9", "", "0x10", "1,5"])
def test_what_is_no_number_in_range_is_refused_by_name(name: str, text: str) -> None:
    if text == "":  # empty counts as not set
        assert Env({name: text}).number(name) == float(VARIABLES[name].default)
        return
    with pytest.raises(ConfigError, match=rf"{name}={text}: expected (a number|-?[\d.]+ to [\d.]+)$"):
        Env({name: text}).number(name)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_ends_of_a_range_are_in_it(name: str) -> None:
    variable = VARIABLES[name]
    for end in (variable.low, variable.high):
        assert Env({name: str(end)}).number(name) == end
    assert variable.high is not None
    with pytest.raises(ConfigError):
        Env({name: str(variable.high * 2)}).number(name)


@pytest.mark.parametrize("name", WORDS)
def test_one_of_a_list_of_words(name: str) -> None:
    for word in VARIABLES[name].words:
        assert Env({name: f" {word} "}).text(name) == word
    with pytest.raises(ConfigError, match=f"{name}=maybe: expected one of {VARIABLES[name].words[0]}, "):
        Env({name: "maybe"}).text(name)


def test_whole_numbers() -> None:
    assert Env({"LAB_WORKERS": "3.0"}).integer("LAB_WORKERS") == 3
    with pytest.raises(ConfigError, match=r"LAB_WORKERS=2\.5: expected a whole number"):
        Env({"LAB_WORKERS": "2.5"}).integer("LAB_WORKERS")


def test_large_limits_are_written_out() -> None:
    with pytest.raises(ConfigError, match=r"expected 1 to 1000000$"):
        Env({"LAB_BACKLOG_CAPACITY": "0"}).integer("LAB_BACKLOG_CAPACITY")


def test_alert_rules() -> None:
    assert Env({}).alert_rules() == AlertRules()
    env = Env({"LAB_ALERT_DISK": "50/60.5", "LAB_ALERT_SILENCE": "1.5"})
    rules = env.alert_rules()
    assert rules.thresholds == {**AlertRules().thresholds, "disk_percent": Threshold(50, 60.5)}
    assert rules.silent_after_us == 1_500_000
    with pytest.raises(ConfigError, match=r"LAB_ALERT_CPU=95/80: expected warning/critical in percent"):
        Env({"LAB_ALERT_CPU": "95/80"}).alert_rules()


def test_switches() -> None:
    assert Env({}).switch("LAB_REPLAY")
    assert not Env({"LAB_REPLAY": "off"}).switch("LAB_REPLAY")


def test_ports_follow_the_base() -> None:
    env = Env({"LAB_PORT_BASE": "9000"})
    assert [env.port(offset) for offset in range(5)] == [9000, 9001, 9002, 9003, 9004]
    with pytest.raises(ConfigError, match="LAB_PORT_BASE=65532: expected 1 to 65531"):
        Env({"LAB_PORT_BASE": "65532"}).port(0)


def test_published_ports() -> None:
    env = Env({"LAB_PORT_BASE": "9000", "LAB_PORT_INGEST": "80"})
    assert [env.published_port(offset) for offset in range(5)] == [9000, 80, 9002, 9003, 9004]
    assert list(PUBLISHED_PORTS)[1] == "LAB_PORT_INGEST"
    with pytest.raises(ConfigError, match="LAB_PORT_FEED_A=0: expected a port"):
        Env({"LAB_PORT_FEED_A": "0"}).published_port(2)


def test_urls() -> None:
    env = Env({"LAB_FLEET_URL": "http://fleet:8769/"})
    assert env.url("LAB_FLEET_URL", "http", 4) == "http://fleet:8769"
    assert env.url("LAB_PIPELINE_B_URL", "ws", 3) == "ws://127.0.0.1:8768"


def test_redis_must_be_named() -> None:
    assert Env({"LAB_REDIS_URL": "redis://r:6379/0"}).redis_url() == "redis://r:6379/0"
    with pytest.raises(ConfigError, match=r"LAB_REDIS_URL is not set: .*lab\.py up"):
        Env({}).redis_url()


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVERS", "7")
    assert Env().integer("LAB_SERVERS") == 7


def test_a_token_fits_a_header() -> None:
    assert Env({"LAB_TOKEN": "open sesame"}).token() == "open sesame"
    for text in ("pässword", "two\nlines"):
        with pytest.raises(ConfigError, match="LAB_TOKEN: expected printable ASCII"):
            Env({"LAB_TOKEN": text}).token()


def test_host_names() -> None:
    assert Env({}).hostnames() == ()
    assert Env({"LAB_HOSTNAMES": "a, pipeline_b ,lab.example,"}).hostnames() == (
        "a",
        "pipeline_b",
        "lab.example",
    )
    for text in ("a:8765", "http://a", "a b", "*", "-a", "ä", "[::1]", "a" * 300):
        with pytest.raises(ConfigError, match=r"LAB_HOSTNAMES=.*: expected host names"):
            Env({"LAB_HOSTNAMES": text}).hostnames()

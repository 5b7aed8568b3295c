"""Foreign pages and foreign host names: refused at every door before any handler, token or not; nothing gets in."""

from __future__ import annotations

import pytest

from lab_runtime.guards import FOREIGN, MISDIRECTED
from tests.support.guarded_lab import (
    CHANGING,
    DOORS,
    FOREIGN_HOST,
    INTRUDER,
    TOKEN,
    WEBSOCKETS,
    Door,
    GuardedLab,
)

FOREIGN_ORIGINS = (
    "null",
    "",
    f"https://{FOREIGN_HOST}",
    "https://127.0.0.1:1",
    "https://localhost.evil.example",
)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize("token", [TOKEN, None], ids=["token", "no-token"])
def test_a_foreign_host_is_misdirected(guarded_lab: GuardedLab, door: Door, token: str | None) -> None:
    answer = guarded_lab.knock(door, token, host=FOREIGN_HOST)
    assert answer == (421, {"error": "misdirected", "detail": MISDIRECTED})


@pytest.mark.parametrize("door", [*WEBSOCKETS, *CHANGING], ids=lambda door: door.name)
def test_a_foreign_page_is_refused(guarded_lab: GuardedLab, door: Door) -> None:
    for origin in FOREIGN_ORIGINS:
        answer = guarded_lab.knock(door, TOKEN, origin=origin)
        assert answer == (403, {"error": "forbidden", "detail": FOREIGN}), origin


@pytest.mark.parametrize(
    "door", [door for door in WEBSOCKETS if "feed" in door.name], ids=lambda door: door.name
)
def test_the_labs_own_page_is_let_in(guarded_lab: GuardedLab, door: Door) -> None:
    base = guarded_lab.record.port_base
    for origin in (f"https://127.0.0.1:{base}", f"https://localhost:{base}"):
        assert guarded_lab.knock(door, TOKEN, origin=origin)[0] == 101


def test_probes_may_ask_under_any_name(guarded_lab: GuardedLab) -> None:
    for part in ("dashboard", "ingest", "fanout", "pipeline_b_http", "fleet"):
        assert guarded_lab.knock(Door("probe", part, "/readyz"), None, host="10.9.8.7")[0] == 200


def test_nothing_of_it_is_in_the_pipelines_or_in_the_logs(guarded_lab: GuardedLab) -> None:
    for part in ("ingest", "pipeline_b_http"):
        assert INTRUDER not in guarded_lab.producers(part)
    for text in (FOREIGN_HOST, INTRUDER):
        assert text.encode() not in guarded_lab.logs()

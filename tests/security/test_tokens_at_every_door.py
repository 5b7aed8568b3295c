"""No, wrong and expired tokens: refused at every door before any handler, in the same words, and nothing gets in."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed

from lab_runtime.tokens import EXPIRED, JOIN_KIND, JOINS_ONLY, NEEDED, sign
from tests.support.guarded_lab import DOORS, INTRUDER, TOKEN, WEBSOCKETS, Door, GuardedLab

by_name = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
HARMLESS = [door for door in DOORS if door.name not in ("drain", "ingest-http1", "ingest-http2", "ingest-b")]

FOR_PHONES = {
    "ingest-http1": 403,  # let in, but the sample is of no phone
    "ingest-http2": 403,
    "ingest-b": 101,  # likewise: the frame is rejected
    "phones": 200,
    "join": 422,
    "report": 422,
    "leave": 422,
}


@by_name
def test_without_the_token_no_door_opens(guarded_lab: GuardedLab, door: Door) -> None:
    forged = guarded_lab.guest(3600)[:-1]
    offers = {
        None: NEEDED,
        "wrong": NEEDED,
        TOKEN.upper(): NEEDED,
        sign("another lab", int(time.time()) + 3600): NEEDED,
        forged: NEEDED,
        guarded_lab.guest(-1): EXPIRED,
    }
    for offered, detail in offers.items():
        answer = guarded_lab.knock(door, offered)
        assert answer == (401, {"error": "unauthorized", "detail": detail}), offered


@pytest.mark.parametrize("door", WEBSOCKETS, ids=lambda door: door.name)
def test_a_token_in_the_query_is_checked_like_one_in_the_header(guarded_lab: GuardedLab, door: Door) -> None:
    assert guarded_lab.knock(door, "wrong", in_query=True)[0] == 401
    assert guarded_lab.knock(door, guarded_lab.guest(-1), in_query=True)[1]["detail"] == EXPIRED


def test_the_query_is_for_websockets_only(guarded_lab: GuardedLab) -> None:
    for door in DOORS:
        if door.part not in ("pipeline_b_http", "fanout"):
            assert guarded_lab.knock(door, TOKEN, in_query=True)[0] == 401, door.name


@pytest.mark.parametrize("door", HARMLESS, ids=lambda door: door.name)
def test_a_guests_token_opens_every_door(guarded_lab: GuardedLab, door: Door) -> None:
    status, _ = guarded_lab.knock(door, guarded_lab.guest(3600))
    assert status in (101, 200, 422, 400), "let in, and told what is wrong with an empty request"
    if door.method == "WS":
        assert guarded_lab.knock(door, guarded_lab.guest(3600), in_query=True)[0] == 101


@by_name
def test_a_token_for_joining_opens_what_a_phone_needs(guarded_lab: GuardedLab, door: Door) -> None:
    token = sign(TOKEN, int(time.time()) + 3600, JOIN_KIND)
    status, answer = guarded_lab.knock(door, token)
    if door.name in FOR_PHONES:
        assert status == FOR_PHONES[door.name], answer
    else:
        assert (status, answer) == (401, {"error": "unauthorized", "detail": JOINS_ONLY})


def test_no_sample_of_the_intruder_is_in(guarded_lab: GuardedLab) -> None:
    for part in ("ingest", "pipeline_b_http"):
        assert INTRUDER not in guarded_lab.producers(part)


async def test_a_feed_ends_with_the_token_that_it_was_opened_with(guarded_lab: GuardedLab) -> None:
    for part in ("fanout", "pipeline_b_http"):
        url = httpx2.URL(guarded_lab.record.urls[part])
        where = f"wss://{url.host}:{url.port}/v1/feed?token={guarded_lab.guest(2)}"
        async with guarded_lab.websocket(where, url, {}) as feed:
            with suppress(ConnectionClosed):
                async with asyncio.timeout(30):
                    while True:
                        await feed.recv()
            assert (feed.close_code, feed.close_reason) == (1008, "the token has expired")


def test_probes_and_the_page_need_no_token(guarded_lab: GuardedLab) -> None:
    for part in ("dashboard", "ingest", "fanout", "pipeline_b_http", "fleet"):
        for path in ("/healthz", "/readyz", "/metrics"):
            assert guarded_lab.knock(Door("probe", part, path), None)[0] == 200
    assert guarded_lab.knock(Door("page", "dashboard", "/"), None)[0] == 200

"""What changes the fleet while it runs: its knobs, and orders to single servers.

Whatever touches connections, or who is there, is done one at a time. Every change keeps the account exact: a way that
is not used any more is closed only when all that it had to send has its fate; a change of protocol waits for the
answers to what is on its way. Only a restart has a limit of time, as a service manager's has: what is not settled after
`RESTART_S` dies with the old life, and the ledger says so.

Not here: reading and checking requests (`knobs.py`, `orders.py`), faults on purpose (`fleet.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from fake_servers.faults import EVERYONE
from fake_servers.fleet import Fleet, links_of
from fake_servers.knobs import Knobs, parse_knobs, ranges
from fake_servers.link import Link
from fake_servers.orders import (
    MOST_INVALID,
    Invalid,
    Latency,
    Load,
    NotNow,
    Order,
    Spike,
    UnknownServer,
    parse_order,
)
from fake_servers.pipeline import PIPELINE_B
from fake_servers.producer import Producer
from lab_runtime.logs import get_logger
from lab_runtime.process import now_us
from metrics_core.errors import SchemaViolation
from metrics_core.limits import MAX_EPOCHS_PER_PRODUCER

RESTART_S: Final = 2.0
"""How long a server that is restarted has to send what it still has."""

_AT_ONCE: Final = 200  # servers made without letting others run
_LOGGED: Final = 100  # servers that log a broadcast by name

log = get_logger("fleet")


class LiveChanges:
    """Changes one fleet.

    Args:
        fleet: Which.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    # -- knobs ---------------------------------------------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        """How the knobs stand, the samples per second of each server, and what each knob may be."""
        fleet = self._fleet
        stand: dict[str, Any] = msgspec.structs.asdict(fleet.roster.knobs)
        return stand | {"rate": 1 / fleet.interval_s, "ranges": ranges(fleet.config)}

    async def set_knobs(self, body: bytes) -> None:
        """Do what the body of `POST /api/fleet` asks for: all of it, or nothing where a part is refused.

        Raises:
            Malformed, SchemaViolation: It asks for what cannot be.
        """
        fleet, roster = self._fleet, self._fleet.roster
        async with fleet.changing:
            before, wanted = roster.knobs, parse_knobs(body, roster.knobs, fleet.config)
            roster.knobs = wanted
            for link in roster.all_links():
                if link.batch != wanted.batch:
                    link.batch = wanted.batch
                    link.wake.set()
            for link in roster.all_links(PIPELINE_B):
                link.confirm = wanted.replay == "on"
            fleet.lines.set_replay(wanted.replay == "on")
            if wanted.rate_factor != before.rate_factor:
                fleet.sampling.schedule(list(fleet.producers.values()), fleet.interval_s)
            if wanted.transport != before.transport:
                await self._set_ways()
            await self._set_servers(before, wanted)
        if wanted != before:
            log.info("knobs changed", **msgspec.structs.asdict(wanted))

    async def _set_ways(self) -> None:
        producers = list(self._fleet.producers.values())
        anew: dict[Link, str] = {}
        for producer in producers:
            anew |= self._fleet.roster.set_ways(producer)
        await self._fleet.lines.change(anew)
        self._fleet.see_off(links_of(producers))

    async def _set_servers(self, before: Knobs, wanted: Knobs) -> None:
        fleet = self._fleet
        if wanted.servers < before.servers:
            going = fleet.roster.leave(wanted.servers)
            fleet.sampling.end(going)
            fleet.see_off(links_of(going))
            return
        coming: list[Producer] = []
        anew: dict[Link, str] = {}
        for place in range(before.servers, wanted.servers):
            producer, ways = fleet.roster.come(place)
            coming.append(producer)
            anew |= ways
            if len(coming) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        await fleet.lines.change(anew)
        fleet.sampling.schedule(coming, fleet.interval_s)

    # -- orders --------------------------------------------------------------------------------------------------

    async def order(self, action: str, target: str, body: bytes) -> int:
        """Do one of `ORDERS` to one server, or to all.

        Args:
            action: Which.
            target: A name, or `*`.
            body: Of the request.

        Returns:
            How many servers it was done to.

        Raises:
            UnknownServer: There is no such server, or no such order.
            Malformed, SchemaViolation: The body cannot be used.
            NotNow: It cannot be done to this server.
        """
        asked = parse_order(action, body)
        producers = self._fleet.roster.named(target)
        if not producers and target != EVERYONE:
            raise UnknownServer(f"no server is named {target!r:.80}, and {EVERYONE} means all")
        affected = await (
            self._restart(producers) if action == "restart" else self._do(action, asked, producers)
        )
        if producers and not affected:
            raise NotNow(_why_not(action))
        log.info("order done", order=action, target=target, servers=affected)
        return affected

    async def _do(self, action: str, asked: Order, producers: list[Producer]) -> int:
        now_s = time.monotonic()
        act: Callable[[Producer], object]
        match asked:
            case Spike(height=height, for_s=for_s):
                return sum(producer.spike(now_s, height, for_s) for producer in producers)
            case Load(cpu_percent=percent, for_s=for_s):
                return sum(producer.hold(now_s, percent, for_s) for producer in producers)
            case Latency(ms=ms, for_s=for_s):
                act = lambda producer: producer.slow_down(now_s, ms / 1000, for_s)  # noqa: E731
            case Invalid(n=n):
                if n * len(producers) > MOST_INVALID:
                    most = max(1, MOST_INVALID // len(producers))
                    raise SchemaViolation(f"$.n: expected at most {most} for {len(producers)} servers")
                act = lambda producer: producer.spoil(n, now_us())  # noqa: E731
            case _:
                act = Producer.start if action == "start" else Producer.stop
        for producer in producers:
            act(producer)
        return len(producers)

    async def _restart(self, producers: list[Producer]) -> int:
        fleet = self._fleet
        able = [producer for producer in producers if producer.lives < MAX_EPOCHS_PER_PRODUCER]
        async with fleet.changing:
            try:
                for producer in able:
                    producer.stop()
                await fleet.settle(links_of(able), RESTART_S)
                return await fleet.begin_lives(able)
            finally:
                for producer in able:
                    producer.start()

    def broadcast(self, text: str) -> int:
        """Let every server log a text and show it as its note.

        Returns:
            How many servers there are.
        """
        producers = list(self._fleet.producers.values())
        for producer in producers:
            producer.note = text
        for producer in producers[:_LOGGED]:
            log.info("broadcast", server=producer.name, text=text)
        if len(producers) > _LOGGED:
            log.info("broadcast to more servers", servers=len(producers) - _LOGGED, text=text)
        return len(producers)


def _why_not(action: str) -> str:
    if action == "restart":
        return f"this server has had {MAX_EPOCHS_PER_PRODUCER} epochs, and the pipelines remember no more of one server"
    return "this server is the machine itself: its readings are measured, nothing can be added to them"

"""The fault engine's orders to pipeline A, taken by its ingest for those that nobody outside can reach.

Only pipeline A reaches Redis, and its workers serve no port. So the ingest acts on itself like every process
(`self_faults.py`), on the store by Redis commands, and hands on what is meant for a worker.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import orjson
import redis

from lab_runtime.self_faults import SELF, CannotObey, NotDone, Order, SelfFaults, pause_length_s
from pipeline_http_redis.store.breaking import Breaker

STORE: Final = "redis"
PIPELINE: Final = "http_redis"
ANY_WORKER: Final = "worker"
WORKER_KINDS: Final = frozenset({"kill", "kill-mid-batch", "restart", "pause"})
ENDS_WITHIN_S: Final = 6.0
"""Time for a worker to end, or to take a batch and end in the middle of it."""
_MOST_POISON: Final = 100
_LOOK_EVERY_S: Final = 0.05


class PipelineOrders:
    """Carries out orders.

    Args:
        redis_url: The store.
        host: The ingest's own address.
    """

    def __init__(self, redis_url: str, host: str) -> None:
        self._self = SelfFaults(host)
        self._breaker = Breaker(redis_url)

    async def aclose(self) -> None:
        """Close the connections to the store."""
        await self._breaker.aclose()

    async def look(self) -> bytes:
        """What can be broken from here: the workers by name, and how many jobs wait. Null where the store is away."""
        try:
            workers, waiting = sorted(await self._breaker.workers()), await self._breaker.waiting()
        except (redis.RedisError, OSError):
            return orjson.dumps({"workers": None, "waiting": None})
        return orjson.dumps({"workers": workers, "waiting": waiting})

    async def obey(self, order: Order) -> dict[str, Any] | None:
        """Carry out an order.

        Raises:
            CannotObey: It is none for pipeline A.
            NotDone: It did not take place.
        """
        if order.target == SELF:
            return await self._self.obey(order)
        try:
            if order.target == STORE:
                return await self._break_store(order)
            if order.target == PIPELINE and order.kind == "poison-batch" and order.undo is None:
                await self._breaker.poison(_whole(order.grade, 1, _MOST_POISON))
                return None
            if order.kind in WORKER_KINDS and (order.undo is None or order.kind == "pause"):
                return await self._tell_worker(order)
        except (redis.RedisError, OSError) as error:
            raise NotDone(f"the store does not do it ({type(error).__name__}: {str(error)[:200]})") from None
        raise CannotObey(f"pipeline A does not do {order.kind:.40} to {order.target:.40}")

    async def _break_store(self, order: Order) -> dict[str, Any] | None:
        match order.kind:
            case "pause" if order.undo is not None:
                await self._breaker.unpause()
                return None
            case "pause":
                await self._breaker.pause(pause_length_s(order.for_s))
                return {}
            case "out-of-memory" if order.undo is not None:
                await self._breaker.set_memory(_whole(order.undo.get("maxmemory"), 0, 10**15))
                return None
            case "out-of-memory":
                return {"maxmemory": await self._breaker.limit_memory(_whole(order.grade, 0, 10**12))}
            case "kill" | "restart" if order.undo is None:
                await self._breaker.end()
                return None
        raise CannotObey(f"pipeline A does not do {order.kind:.40} to its store")

    async def _tell_worker(self, order: Order) -> dict[str, Any] | None:
        workers = await self._breaker.workers()
        name = next(iter(workers), "") if order.target == ANY_WORKER else order.target
        if name not in workers:
            raise CannotObey(
                f"no worker is named {order.target:.40}; there are {', '.join(workers) or 'none'}"
            )
        told: dict[str, Any] = {"kind": order.kind}
        if order.undo is not None:
            told = {"kind": "go-on"}
        elif order.kind == "pause":
            told["for_s"] = pause_length_s(order.for_s)
        elif order.kind == "kill-mid-batch":
            told["within_s"] = ENDS_WITHIN_S
        if not await self._breaker.tell(workers[name], told):
            raise NotDone(f"{name} has ended meanwhile")
        if order.kind == "pause":
            return {}
        await self._until_ended(name, workers[name], order.kind)
        return None

    async def _until_ended(self, name: str, channel: str, kind: str) -> None:
        deadline_s = time.monotonic() + ENDS_WITHIN_S
        while await self._breaker.listens(channel):
            if time.monotonic() > deadline_s:
                what = "took no batch" if kind == "kill-mid-batch" else "did not end"
                raise NotDone(f"{name} {what} within {ENDS_WITHIN_S:g} s")
            await asyncio.sleep(_LOOK_EVERY_S)


def _whole(grade: object, low: int, high: int) -> int:
    number = int(grade) if isinstance(grade, int | float) else low
    if not low <= number <= high:
        raise CannotObey(f"grade: expected {low} to {high}, not {number}")
    return number

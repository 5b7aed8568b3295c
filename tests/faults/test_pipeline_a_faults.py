"""Pipeline A's ports really killed and stopped under load, poison in its queue: what was acked is processed, once."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable

import pytest

from pipeline_http_redis.store import keys
from pipeline_http_redis.store.intake import TRIES, Intake
from tests.support.account import check_account, told, wait_for_samples
from tests.support.outbox_load import OutboxLoad
from tests.support.pipelines import Pipelines, temporary_pipelines
from tests.support.raw_websocket import RawWebSocket
from tests.support.schema import check_snapshot
from tests.support.waiting import until

STOPS_WITHIN_S = 5.0


def commit_poison(pipelines: Pipelines, batch_id: str, samples: int) -> None:
    """Put a batch into the queue that no worker can decode, as a fault of the ingest would."""

    async def through_the_intake() -> None:
        intake = Intake(pipelines.redis_url)
        await intake.commit(batch_id, b"not json", samples)
        await intake.redis.aclose()

    asyncio.run(through_the_intake())


def test_poison_is_set_aside_once_while_the_rest_flows_and_the_page_hears_of_it() -> None:
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with (
            OutboxLoad(pipelines.ingest_port, every_s=0.01) as load,
            RawWebSocket(pipelines.fanout_port, "/v1/feed") as feed,
        ):
            wait_for_samples(load, 500)
            assert check_snapshot(feed.receive()).alerts == []
            for number in range(3):
                commit_poison(pipelines, f"poison-{number}", 7)
            wait_for_samples(load, 500)
            until(lambda: pipelines.totals()["dead_lettered"] == 21, "all three are set aside")
            until(
                lambda: "samples set aside" in str(check_snapshot(feed.receive()).alerts), "the feed says so"
            )
            wait_for_samples(load, 500)
        check_account(pipelines, load, dead_lettered=21)
        tries = sum(
            pipelines[name].said().count("exception raised while") for name in ("worker-1", "worker-2")
        )
        assert tries == 3 * TRIES
        assert pipelines.redis.llen(keys.DEAD) == 3
        assert pipelines["worker-1"].alive
        assert pipelines["worker-2"].alive


def test_kill_the_ingest() -> None:
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port) as load:
            for turn in range(1, 4):
                wait_for_samples(load, 500)
                pipelines["ingest-1"].kill()
                told(load, 0, turn)
                pipelines["ingest-1"].restart()
        check_account(pipelines, load)


def test_kill_one_of_two_ingests() -> None:
    """The other one serves the port alone; nobody need wait for the restart."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=1, ingests=2)
        with OutboxLoad(pipelines.ingest_port, producers=8) as load:
            wait_for_samples(load, 500)
            pipelines["ingest-1"].kill()
            wait_for_samples(load, 1_000)
        check_account(pipelines, load)


def stop(pipelines: Pipelines, name: str) -> None:
    code, took_s = pipelines[name].stop()
    assert code == 0, pipelines[name].said()[-1000:]
    assert took_s < STOPS_WITHIN_S


@pytest.mark.parametrize("name", ["ingest-1", "fanout", "store"])
def test_sigterm_under_load(name: str) -> None:
    """It ends in order and in time, and nothing acked is lost."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        with OutboxLoad(pipelines.ingest_port) as load:
            wait_for_samples(load, 500)
            stop(pipelines, name)
            pipelines[name].restart()
            if name == "store":
                pipelines.wait_ready(name)
            wait_for_samples(load, 500)
        check_account(pipelines, load)
        assert pipelines.stack_traces() == []
        if name != "store":
            assert load.statuses()[503] == 0


@pytest.mark.parametrize("times", [1, 2], ids=["one SIGTERM", "two"])
@pytest.mark.parametrize("name", ["ingest-1", "fanout"])
def test_sigterm_while_redis_stands_still(name: str, times: int) -> None:
    """The first one waits for what is in flight, but not for ever; the second one ends the process at once."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=1)
        with (
            OutboxLoad(pipelines.ingest_port) as load,
            RawWebSocket(pipelines.fanout_port, "/v1/feed") as feed,
        ):
            wait_for_samples(load, 500)
            check_snapshot(feed.receive())
            pipelines["store"].pause()
            pipelines[name].send(signal.SIGTERM)
            if times == 2:
                until(lambda: closed(pipelines, name), "it heard the first one")
                pipelines[name].send(signal.SIGTERM)
            code, took_s = pipelines[name].wait()
            assert took_s < (STOPS_WITHIN_S if times == 1 else 1)
            assert code in ((0,) if times == 1 else (0, 1))
            pipelines["store"].resume()
            pipelines[name].restart()
            wait_for_samples(load, 500)
        check_account(pipelines, load)


def closed(pipelines: Pipelines, name: str) -> bool:
    """Whether a process takes no connections any more, or has ended."""
    port = pipelines.ingest_port if name == "ingest-1" else pipelines.fanout_port
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_kill_everything_at_once() -> None:
    """A power cut: all processes of pipeline A, the store first or last."""
    with temporary_pipelines() as pipelines:
        pipelines.start_a(workers=2)
        names = ["store", "ingest-1", "worker-1", "worker-2", "fanout"]
        orders: list[Callable[[list[str]], list[str]]] = [list, lambda all_names: all_names[::-1]]
        with OutboxLoad(pipelines.ingest_port) as load:
            for order in orders:
                wait_for_samples(load, 500)
                for name in order(names):
                    pipelines[name].kill()
                pipelines["store"].restart()
                pipelines.wait_ready("store")
                pipelines.revive(*names)
        check_account(pipelines, load)

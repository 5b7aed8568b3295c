"""Load that loses nothing by itself: producers that send each batch until it is acknowledged.

Threads with blocking clients, half by HTTP/1.1 and half by HTTP/2. A batch is created, then sent again and again until
its 202; then it is `acked`. So in the end all that was created is acked, and a pipeline that keeps its promise has
processed exactly that, however often a batch was sent. What it must have made of it, see `account.py`.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final

import h2.exceptions

from metrics_core.intervals import IntervalSet
from metrics_core.wire import encode_batch
from tests.support.h1_client import H1Client
from tests.support.h2_client import ConnectionLost, H2Client
from tests.support.samples import a_sample

_RETRY_EVERY_S: Final = 0.02
_LOST: Final = (OSError, http.client.HTTPException, ConnectionLost, h2.exceptions.H2Error)


def readings(seq: int) -> dict[str, float]:
    """The readings of a sample: each number has its own, and their sums are exact."""
    return {
        "cpu_percent": float(seq % 101),
        "memory_percent": float(seq * 7 % 101),
        "disk_percent": float(seq // 64 % 101),
        "net_rx_bytes_per_s": float(seq),
        "net_tx_bytes_per_s": float(seq * 31 % 65_537),
    }


class OutboxProducer(threading.Thread):
    """One producer, epoch 1.

    Attributes:
        acked: What was answered by 202.
        batches: What was created: first sequence number, samples, when they were taken (µs).
        statuses: How often each status came; 0: the connection was lost.
        fault: What ended it before its time.
    """

    def __init__(self, name: str, port: int, batch: int, version: str, every_s: float) -> None:
        super().__init__(name=name, daemon=True)
        self.acked = IntervalSet()
        self.batches: list[tuple[int, int, int]] = []
        self.statuses: Counter[int] = Counter()
        self.fault: BaseException | None = None
        self._port, self._batch, self._version, self._every_s = port, batch, version, every_s
        self._stop_asked, self._abandoned = threading.Event(), threading.Event()
        self._client: H1Client | H2Client | None = None

    def run(self) -> None:
        seq = 0
        try:
            while not self._stop_asked.is_set():
                self._send_until_acked(range(seq, seq + self._batch))
                seq += self._batch
                if self._every_s:
                    self._stop_asked.wait(self._every_s)
        except BaseException as fault:  # noqa: BLE001  # shown by the test
            self.fault = fault
        finally:
            self._hang_up()

    def _send_until_acked(self, seqs: range) -> None:
        taken_us = time.time_ns() // 1000
        self.batches.append((seqs[0], len(seqs), taken_us))
        body = encode_batch(
            [a_sample(self.name, 1, seq, sampled_at_us=taken_us, **readings(seq)) for seq in seqs]
        )
        while not self._abandoned.is_set() and (status := self._send(body)) != 202:
            assert status in (0, 429, 503), f"{self.name}: {status}"
            self._stop_asked.wait(_RETRY_EVERY_S)
        self.acked.add(seqs[0], seqs[-1])

    def _send(self, body: bytes) -> int:
        try:
            status = self._post(body)
        except _LOST:
            self._hang_up()
            status = 0
        self.statuses[status] += 1
        return status

    def _post(self, body: bytes) -> int:
        if self._client is None:
            self._client = H1Client(self._port) if self._version == "http1" else H2Client(self._port)
        if isinstance(self._client, H1Client):
            return self._client.post(body).status
        return self._client.reply(self._client.post(body)).status

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None

    def ask_to_stop(self) -> None:
        """Create no more; what is created is still sent until it is acked."""
        self._stop_asked.set()

    def abandon(self) -> None:
        """Send nothing more at all: the test has failed, and its port may soon be another one's."""
        self._abandoned.set()
        self.ask_to_stop()
        self.join(10)


class OutboxLoad:
    """Several producers at once.

    Args:
        port: Of the ingest.
        producers: How many.
        batch: Samples per batch.
        every_s: How long each producer waits after an ack; 0: as fast as it can.
    """

    def __init__(self, port: int, producers: int = 4, batch: int = 20, every_s: float = 0.0) -> None:
        versions = ("http1", "http2")
        self.producers = [
            OutboxProducer(f"outbox-{n}", port, batch, versions[n % 2], every_s) for n in range(producers)
        ]

    def __enter__(self) -> OutboxLoad:
        for producer in self.producers:
            producer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for producer in self.producers:
            producer.ask_to_stop()
        if error is None:
            self.finish()
        else:
            for producer in self.producers:
                producer.abandon()

    def finish(self) -> None:
        """Wait until everything created is acked."""
        for producer in self.producers:
            producer.join(30)
            assert not producer.is_alive(), f"{producer.name} gets no 202: {producer.statuses}"
            if producer.fault:
                raise producer.fault

    @property
    def acked(self) -> int:
        """Samples acked so far."""
        return sum(producer.acked.last + 1 for producer in self.producers)

    def statuses(self) -> Counter[int]:
        """How often each status came; 0: the connection was lost."""
        return sum((producer.statuses for producer in self.producers), Counter())

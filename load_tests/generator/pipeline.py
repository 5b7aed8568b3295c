"""Asks a pipeline over HTTP what it knows: its ledger, its histogram of the clock *processed*, its counters."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final

from load_tests.target.target import Target
from metrics_core.errors import LabError
from metrics_core.histogram import Histogram
from metrics_core.ledger import Ledger, parse_ledger

ANSWERS_WITHIN_S: Final = 10.0


class PipelineSilent(LabError):
    """The pipeline does not answer, or not as it should; the text says where."""


class Pipeline:
    """One pipeline (or crossover) that runs."""

    def __init__(self, target: Target) -> None:
        self._url = target.http_url
        self._headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._before = Histogram()
        self._totals_before: dict[str, int] = {}
        self.totals: dict[str, int] = {}

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(f"{self._url}{path}", headers=self._headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=ANSWERS_WITHIN_S) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise PipelineSilent(f"{self._url}{path} answers {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise PipelineSilent(f"{self._url}{path} does not answer ({why})") from None

    def check_ready(self) -> None:
        """See that it can do its work.

        Raises:
            PipelineSilent: It cannot.
        """
        self._get("/readyz")

    def begin(self) -> None:
        """Remember what was counted up to now."""
        self._before = self._histogram()
        self.ledger()
        self._totals_before = self.totals

    def ledger(self) -> Ledger:
        """Every identity that was processed; keeps the totals that come with it."""
        answer = self._get("/v1/ledger")
        try:
            self.totals = {name: int(n) for name, n in answer["totals"].items()}
            return parse_ledger(answer["producers"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise PipelineSilent(f"{self._url}/v1/ledger gives no ledger") from None

    def since_begin(self, counter: str) -> int:
        """What a counter of the newest ledger rose by; from 0 where the pipeline was restarted."""
        return max(0, self.totals.get(counter, 0) - self._totals_before.get(counter, 0))

    def processed(self) -> Histogram:
        """Latencies of samples processed since `begin`, µs."""
        return self._histogram().minus(self._before)

    def _histogram(self) -> Histogram:
        answer = self._get("/v1/histograms")
        try:
            return Histogram({int(bucket): int(n) for bucket, n in answer["processed"]})
        except (KeyError, TypeError, ValueError):
            raise PipelineSilent(f"{self._url}/v1/histograms gives no histograms") from None

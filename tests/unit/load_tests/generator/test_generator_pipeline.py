"""What a pipeline says over HTTP, and that anything else than its answers is one clear error."""

from __future__ import annotations

import io
import json
import urllib.error
from email.message import Message
from http.client import IncompleteRead
from typing import Any

import pytest

from load_tests.generator.pipeline import Pipeline, PipelineSilent
from metrics_core.intervals import IntervalSet
from tests.unit.load_tests.generator.fake_lead import a_target


class FakeOpener:
    """Answers by path; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.headers: list[dict[str, str]] = []

    def open(self, request: Any, timeout: float) -> io.BytesIO:
        self.headers.append(dict(request.header_items()))
        answer = self.answers[request.full_url.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def asked(token: str = "", **answers: Any) -> tuple[Any, FakeOpener]:
    pipeline: Any = Pipeline(a_target(token=token))
    pipeline._opener = opener = FakeOpener(**answers)
    return pipeline, opener


LEDGER = {"totals": {"duplicates": 3, "late": 1}, "producers": {"p": {"7": [[0, 4], [6, 6]]}}}


def test_the_ledger_and_what_counters_rose_by() -> None:
    pipeline, opener = asked(ledger=LEDGER, histograms={"processed": [[5, 2]], "accepted": []})
    pipeline.begin()
    assert pipeline.ledger() == {"p": {7: IntervalSet([(0, 4), (6, 6)])}}
    opener.answers["ledger"] = {"totals": {"duplicates": 10}, "producers": {}}
    opener.answers["histograms"] = {"processed": [[5, 3], [9, 1]]}
    pipeline.ledger()
    assert pipeline.since_begin("duplicates") == 7
    assert pipeline.since_begin("late") == 0, "restarted: it counts from 0 again"
    assert pipeline.processed().counts == {5: 1, 9: 1}


def test_the_token_is_sent_where_there_is_one() -> None:
    for token, expected in (("secret", "Bearer secret"), ("", None)):
        pipeline, opener = asked(token, readyz={"ready": True})
        pipeline.check_ready()
        assert opener.headers[0].get("Authorization") == expected


def an_http_error(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("u", code, "no", Message(), None)


@pytest.mark.parametrize(
    "answer, words",
    [
        (an_http_error(503), "/v1/ledger answers 503"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "does not answer ("),
        (TimeoutError("timed out"), "does not answer (TimeoutError)"),
        (ConnectionResetError(104, "Connection reset by peer"), "does not answer (Connection reset by peer)"),
        (IncompleteRead(b""), "does not answer (IncompleteRead)"),
        (b"<html>", "does not answer (JSONDecodeError)"),
        ([], "gives no ledger"),
        ({"totals": {}}, "gives no ledger"),
        ({"totals": {"x": "y"}, "producers": {}}, "gives no ledger"),
        ({"totals": {}, "producers": {"p": {"seven": []}}}, "gives no ledger"),
        ({"totals": {}, "producers": {"p": []}}, "gives no ledger"),
    ],
)
def test_anything_else_is_one_sentence(answer: Any, words: str) -> None:
    pipeline, _ = asked(ledger=answer)
    with pytest.raises(PipelineSilent) as told:
        pipeline.ledger()
    assert words in str(told.value)
    assert str(told.value).startswith("http://127.0.0.1:1/v1/ledger ")


@pytest.mark.parametrize(
    "answer", [{}, [], {"processed": 5}, {"processed": [[1]]}, {"processed": [["a", 1]]}]
)
def test_histograms_that_are_none(answer: Any) -> None:
    pipeline, _ = asked(histograms=answer)
    with pytest.raises(PipelineSilent, match="gives no histograms"):
        pipeline.processed()

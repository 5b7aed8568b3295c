"""What an HTTP answer means for a batch."""

from __future__ import annotations

import pytest

from fake_servers.http import Verdict, judge


def test_only_202_with_the_right_count_is_an_ack() -> None:
    assert judge(202, b'{"accepted":3}', 3) == Verdict("acked")


@pytest.mark.parametrize(
    "body", [b'{"accepted":2}', b'{"accepted":4}', b"{}", b"", b"ok", b'{"accepted":"3"}', b"\xff"]
)
def test_a_202_with_another_count_is_tried_again(body: bytes) -> None:
    assert judge(202, body, 3).fate == "again"


@pytest.mark.parametrize("status", [200, 204, 301, 304, 401, 403, 408, 421, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    verdict = judge(status, b'{"error":"backlog_full","detail":"1000 jobs"}', 1, 2.0)
    assert verdict == Verdict("again", f"{status} backlog_full: 1000 jobs", 2.0)


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422])
def test_a_named_refusal_is_final(status: int) -> None:
    verdict = judge(status, b'{"error":"schema","detail":"$[0].seq: expected a number"}', 1)
    assert verdict == Verdict("rejected", "schema: $[0].seq: expected a number")  # as pipeline B words it


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"error":1}', b"\xff\xfe"])
def test_an_error_without_a_name_is_told_by_its_status(body: bytes) -> None:
    assert judge(502, body, 1) == Verdict("again", "502")
    assert judge(404, body, 1) == Verdict("rejected", "status 404")


def test_a_long_reason_is_cut() -> None:
    assert len(judge(400, b'{"error":"schema","detail":"' + b"x" * 5000 + b'"}', 1).reason) == 300

"""Errors carry the verdict that both pipelines give."""

from __future__ import annotations

import pytest

from metrics_core import errors
from metrics_core.errors import LabError, Refused, RemoteFault


@pytest.mark.parametrize(
    "kind, error, status, retry_after_s",
    [
        (errors.Malformed, "malformed", 400, None),
        (errors.SchemaViolation, "schema", 422, None),
        (errors.TooLarge, "too_large", 413, None),
        (errors.UnsupportedMedia, "unsupported_media_type", 415, None),
        (errors.Unauthorized, "unauthorized", 401, None),
        (errors.BacklogFull, "backlog_full", 429, 1),
        (errors.RateLimited, "rate_limited", 429, 1),
        (errors.LimitReached, "limit_reached", 429, 10),
        (errors.Unavailable, "unavailable", 503, 1),
    ],
)
def test_verdicts(kind: type[RemoteFault], error: str, status: int, retry_after_s: int | None) -> None:
    fault = kind("$: why")
    assert (fault.error, fault.status, fault.retry_after_s) == (error, status, retry_after_s)
    assert fault.as_dict() == {"error": error, "detail": "$: why"}
    assert str(fault) == f"{error}: $: why"
    assert isinstance(fault, LabError)
    assert isinstance(fault, Refused) == (retry_after_s is not None), (
        "only what is refused for now can be retried"
    )

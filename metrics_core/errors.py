"""Errors of the lab, raised in the core and translated at the edge (each pipeline's `ingest.py`).

A `RemoteFault` is the peer's doing and carries the verdict it gets on either pipeline: `error` is the name on the
wire, `status` the HTTP status of pipeline A. Pipeline B sends `{"type": "reject", "error": …}` with the same name, so
the two verdicts can be compared letter by letter. A `LabError` that is not a `RemoteFault` is ours.
"""

from __future__ import annotations


class LabError(Exception):
    """Base of every error that the lab raises on purpose. Its text is fit to show to a user."""


class ConfigError(LabError):
    """A setting cannot be used; the text names the setting, what it holds and what it may hold."""


class RemoteFault(LabError):
    """The peer sent something that is refused.

    Attributes:
        error: Name of the verdict on the wire, the same on both pipelines.
        status: HTTP status that pipeline A answers with.
        detail: What is wrong, with the path into the message where there is one.
        retry_after_s: Seconds after which a retry makes sense; None where a retry cannot help.
    """

    error = "refused"
    status = 400
    retry_after_s: int | None = None

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.error}: {detail}")
        self.detail = detail

    def as_dict(self) -> dict[str, str]:
        """The body of an HTTP error answer, and the two fields of a `reject`."""
        return {"error": self.error, "detail": self.detail}


class InvalidSample(RemoteFault):
    """The batch is refused for what it holds; sending it again cannot help. Counted as `rejected`."""


class Malformed(InvalidSample):
    """Not JSON (RFC 8259), or not UTF-8."""

    error, status = "malformed", 400


class SchemaViolation(InvalidSample):
    """JSON, but not a batch of samples; the detail starts with the path (`$[3].cpu_percent: …`)."""

    error, status = "schema", 422


class TooLarge(InvalidSample):
    """A body or frame over `MAX_BATCH_BYTES`."""

    error, status = "too_large", 413


class UnsupportedMedia(InvalidSample):
    """Not `application/json`, or a content encoding; bodies are not inflated, so no bomb can go off."""

    error, status = "unsupported_media_type", 415


class Refused(RemoteFault):
    """The batch may be fine, the pipeline cannot take it now. Counted as `refused`; nothing of it is kept."""

    error, status, retry_after_s = "refused", 429, 1


class BacklogFull(Refused):
    """A bound on what waits is reached (backpressure)."""

    error, status, retry_after_s = "backlog_full", 429, 1


class RateLimited(Refused):
    """A producer sends more than it may; each raise says how long to wait."""

    error, status, retry_after_s = "rate_limited", 429, 1


class LimitReached(Refused):
    """A bound on producers, epochs or gaps is reached; it guards the memory of the pipeline."""

    error, status, retry_after_s = "limit_reached", 429, 10


class Unavailable(Refused):
    """What is behind the ingest does not answer. Whether the batch was kept is unknown: send it again."""

    error, status, retry_after_s = "unavailable", 503, 1


class Unauthorized(RemoteFault):
    """No token, or not the right one."""

    error, status = "unauthorized", 401


class SlowConsumer(LabError):
    """A subscriber does not read what it asked for; it is skipped, then cut."""

"""Why a control is not carried out; each carries its name on the wire and its HTTP status."""

from __future__ import annotations

from metrics_core.errors import RemoteFault


class NotAvailable(RemoteFault):
    """This lab cannot do it; the text says why."""

    error, status = "not_available", 422


class Conflict(RemoteFault):
    """It cannot be done now."""

    error, status = "conflict", 409


class Unknown(RemoteFault):
    """There is nothing of this name."""

    error, status = "not_found", 404


class NotDone(RemoteFault):
    """It was tried, and a part of the lab did not do it."""

    error, status = "not_done", 502

"""Structured logs: pretty on a terminal, one JSON object a line otherwise. To stderr; the supervisor files it.

The standard library's loggers (RQ, Hypercorn, websockets) go through the same renderer. A token is never logged:
no code of the lab logs headers or settings that hold one.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor


def configure_logs(process_name: str, log_format: str) -> None:
    """Set up structlog and the standard library's logging for this process.

    Args:
        process_name: Bound to every line as `process`.
        log_format: `auto`, `pretty` or `json` (`LAB_LOG`).
    """
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not pretty),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(sort_keys=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in (
        "rq.worker",
        "rq.queue",
        "httpx2",
        "httpcore2",
        "hpack",
        "websockets.server",
        "websockets.client",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process_name)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; `name` says which part of the process speaks."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger

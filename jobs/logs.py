"""Structured logs, the same in all processes; libraries' own log records included."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from jobs.record import JobRecord
from jobs.redaction import redact
from jobs.settings import Settings
from jobs.tracing import trace_id

CHATTY = ("rq", "rq.worker", "rq.registry")
INDISCREET = ("botocore", "aiobotocore", "s3fs", "fsspec")
"""Libraries that write credentials and signatures at the level debug."""


def configure_logs(settings: Settings) -> None:
    """Send all log records to stderr, as readable lines or as one JSON object a line."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        last: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        # Not rich's traceback, structlog's default: it shows local variables, keys and pictures among them.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, redact],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for library in CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    for library in INDISCREET:
        logging.getLogger(library).setLevel(max(root.level, logging.INFO))


@contextmanager
def job_context(record: JobRecord) -> Iterator[None]:
    """Puts the ids of the job, of the request that submitted it and of its trace into all log records made inside."""
    origin = record.origin
    ids = {
        "job_id": record.id,
        "request_id": origin.request_id if origin else None,
        "trace_id": trace_id(origin.traceparent) if origin else None,
    }
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in ids.items() if value is not None}):
        yield

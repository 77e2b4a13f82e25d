"""Tracing as the settings have it. Only with `INLAY_TRACING` anything of OpenTelemetry is imported (`jobs.otel`)."""

from __future__ import annotations

import importlib.util

from jobs.settings import Settings
from jobs.tracing import Carrying, Tracing

NEEDED = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


class TracingUnavailable(Exception):
    """Traces are asked for, but the packages to send them are not installed."""


def open_tracing(settings: Settings, service: str) -> Tracing:
    """Tracing as it is set; `service` is its name in traces unless `OTEL_SERVICE_NAME` is set.

    Raises:
        TracingUnavailable: it is switched on, and the extra `otel` is not installed.
    """
    if not settings.tracing:
        return Carrying()
    if None in [_spec(name) for name in NEEDED]:
        raise TracingUnavailable("INLAY_TRACING needs OpenTelemetry: pip install 'inlay[otel]'")
    from jobs.otel import open_otel  # only here, so that nobody else pays for it

    return open_otel(service)


def _spec(name: str) -> object | None:
    """What would be imported; None if it is not there."""
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:  # one of its parents
        return None

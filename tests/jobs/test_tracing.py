from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.open_tracing import open_tracing
from jobs.settings import Settings
from jobs.tracing import Carrying, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (PARENT, TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-from-the-future", TRACE),
        (f"{PARENT}-from-the-future", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (PARENT.upper(), None),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_trace_is_read_from_a_valid_header_only(header: str | None, trace: str | None) -> None:
    assert trace_id(header) == trace


def test_a_valid_header_is_carried_and_an_invalid_one_is_not() -> None:
    carrying = Carrying()
    with carrying.request("POST", PARENT):
        assert carrying.traceparent() == PARENT
    with carrying.request("POST", f"cc{PARENT[2:]}-{'x' * 10_000}"):
        assert carrying.traceparent() == PARENT
    with carrying.request("POST", "nonsense"):
        assert carrying.traceparent() is None
    assert carrying.traceparent() is None


def test_without_tracing_nothing_of_its_packages_is_imported() -> None:
    assert isinstance(open_tracing(Settings(), "inlay-api"), Carrying)
    code = (
        "import sys, app.main; from jobs.settings import Settings; app.main.create_app(Settings());"
        "ours = ('jobs.otel', 'opentelemetry.sdk.trace', 'opentelemetry.exporter');"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

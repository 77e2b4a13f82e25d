from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from jobs.logs import configure_logs
from jobs.settings import Settings


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="json"))
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("worker").exception("job failed", extra={"job": "abc"})
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["job"]) == ("job failed", "error", "abc")
    assert "ValueError: broken" in line["exception"]


def test_console_logs_are_readable_and_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_level="warning"))
    logging.getLogger("worker").info("too quiet")
    logging.getLogger("worker").warning("job failed", extra={"job": "abc"})
    lines = capsys.readouterr().err
    assert "job failed" in lines
    assert "job=abc" in lines
    assert "too quiet" not in lines

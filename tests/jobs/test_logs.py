from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from jobs.logs import configure_logs, job_context
from jobs.record import Origin
from jobs.settings import Settings
from tests.jobs.conftest import NewRecord


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


def test_what_is_logged_about_a_job_names_its_request_and_trace(
    capsys: pytest.CaptureFixture[str], new_record: NewRecord
) -> None:
    configure_logs(Settings(log_format="json"))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    origin = Origin(request_id="the-request", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    with job_context(new_record().model_copy(update={"origin": origin})):
        logging.getLogger("worker").info("about it")
    with job_context(new_record("job-00000002")):
        logging.getLogger("worker").info("about another")
    logging.getLogger("worker").info("about none")
    about_it, another, none = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    ids = ("job_id", "request_id", "trace_id")
    assert [about_it[name] for name in ids] == ["job-00000001", "the-request", trace]
    assert [another.get(name) for name in ids] == ["job-00000002", None, None]
    assert not set(ids) & set(none)

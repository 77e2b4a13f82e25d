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


KEY = "0123456789abcdefghijklmnopqrstuvwxyz_ABCDEF"


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    ("carrier", "secret"),
    [
        ("inlay_{}", KEY),
        ("whsec_{}", "c2l4dGVlbiBhbmQgc2l4dGVlbiBieXRlcyBsb25nISE="),
        ("v1,{}", "K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
        ("https://s3.example/b/k?X-Amz-Credential={}&a=b", "AKIAIOSFODNN7EXAMPLE%2F20261125"),
        ("https://s3.example/b/k?X-Amz-Signature={}", "0a1b2c3d4e5f"),
        ("https://s3.example/b/k?X-Amz-Security-Token={}&a=b", "FwoGZXIvYXdzEBY"),
        ("rediss://user:{}@redis.example:6379/0", "pass!word"),
        ("redis://:{}@redis.example:6379/0", "pass!word"),
    ],
)
def test_secrets_are_taken_out_of_every_line(
    carrier: str, secret: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(Settings.model_validate({"log_format": form}))
    text = carrier.format(secret)
    try:
        raise ValueError(f"in an error: {text}")
    except ValueError:
        logging.getLogger("app").exception("in an event: %s", text, extra={"where": text})
    written = capsys.readouterr().err
    assert secret not in written
    assert written.count(carrier.format("***")) == 3


def test_what_only_looks_like_a_secret_stays(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings())
    logging.getLogger("app").info("inlay_webhook_oldest_pending_age_seconds of http://127.0.0.1:8000/v1/jobs?a=b@c")
    written = capsys.readouterr().err
    assert "inlay_webhook_oldest_pending_age_seconds of http://127.0.0.1:8000/v1/jobs?a=b@c" in written

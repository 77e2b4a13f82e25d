from __future__ import annotations

import io

import pytest
import typer
from rich.console import Console

from inlay import (
    ConnectionFailed,
    InlayError,
    InvalidRequest,
    Job,
    JobCanceled,
    JobFailed,
    Problem,
    ServiceFailed,
    WaitTimeout,
    terminal,
)
from inlay.complaints import describe, errors_as_exit_status, exit_status
from inlay.embedded import StartFailed, Stopped
from inlay.models import parse_job
from inlay.terminal import ExitStatus, detail, watch
from tests.inlay.fake_service import job_json


def job(state: str = "running", **changes: object) -> Job:
    return parse_job(job_json(state, **changes))


RUNNING = job(progress={"step": 3, "steps": 20, "eta_s": 4.4})
DONE = job("succeeded", timings={"queue_s": 0.1, "run_s": 2.04, "nfe": 60})
PROBLEM = Problem(422, "steps_out_of_range", "Wrong", "too many steps", "/steps")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (job("queued", queue_position=2), "2 before it"),
        (job("queued", queue_position=None), ""),
        (RUNNING, "step 3/20, 4 s to go"),
        (job(), "step 0/20"),
        (DONE, "2.0 s, 60 network evaluations"),
        (job("failed", error={"code": "diverged", "detail": "It diverged."}), "It diverged."),
        (job("canceled"), ""),
    ],
)
def test_detail_says_what_matters_in_each_state(shown: Job, expected: str) -> None:
    assert detail(shown) == expected


def test_on_a_terminal_a_bar_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=written, force_terminal=True, width=100))
    last = watch([job("queued"), RUNNING, DONE])
    assert last.state == "succeeded"
    assert "60 network evaluations" in written.getvalue()


def test_elsewhere_each_change_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=written, width=100))
    watch([RUNNING, RUNNING, DONE])
    assert written.getvalue() == "running   step 3/20, 4 s to go\nsucceeded 2.0 s, 60 network evaluations\n"


def test_a_job_that_was_never_seen_is_an_error() -> None:
    with pytest.raises(InlayError):
        watch([])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConnectionFailed("away"), ExitStatus.UNREACHABLE),
        (InvalidRequest(PROBLEM), ExitStatus.REFUSED),
        (ServiceFailed(PROBLEM), ExitStatus.FAILURE),
        (JobFailed(job("failed")), ExitStatus.JOB_FAILED),
        (JobCanceled(job("canceled")), ExitStatus.JOB_CANCELED),
        (WaitTimeout(job(), 1), ExitStatus.TIMEOUT),
        (StartFailed("no"), ExitStatus.FAILURE),
        (OSError("disk full"), ExitStatus.FAILURE),
        (Stopped(), ExitStatus.INTERRUPTED),
        (KeyboardInterrupt(), ExitStatus.INTERRUPTED),
    ],
)
def test_each_kind_of_error_has_its_exit_status(error: BaseException, status: ExitStatus) -> None:
    with pytest.raises(typer.Exit) as ended, errors_as_exit_status():
        raise error
    assert ended.value.exit_code == status


def test_errors_are_described_for_programs() -> None:
    assert describe(InvalidRequest(PROBLEM)) == {
        "kind": "InvalidRequest",
        "detail": "too many steps (at /steps) [422 steps_out_of_range]",
        "code": "steps_out_of_range",
        "status": 422,
        "pointer": "/steps",
    }
    assert describe(JobFailed(job("failed")))["job"]["state"] == "failed"
    assert set(describe(StartFailed("no"))) == {"kind", "detail"}


def test_an_exception_of_our_own_making_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), errors_as_exit_status():
        raise ZeroDivisionError
    assert exit_status(ZeroDivisionError()) == ExitStatus.FAILURE

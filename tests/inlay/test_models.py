"""A job is typed throughout: whatever the service tells of it has a field, and is read into it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from app.views import JobView, ProgressView, ResultView
from inlay import Client, Input, Job, Progress, Result, ServiceFailed
from inlay.models import JobFailure, parse_job
from inlay.models import Quality as ToldQuality
from jobs.record import Failure, Quality, UnderstoodInput
from tests.inlay.calling import Caller
from tests.inlay.fake_service import ScriptedService, job_json

RESULT = {
    "index": 1,
    "link": "/v1/jobs/job1/result/1",
    "content_type": "image/png",
    "width_px": 96,
    "height_px": 80,
    "bytes": 1234,
}
INPUT = {"width_px": 96, "height_px": 80, "mask_source": "side", "coverage": 0.5}


@pytest.mark.parametrize(
    ("told", "view"),
    [
        (Job, JobView),
        (Result, ResultView),
        (Input, UnderstoodInput),
        (Progress, ProgressView),
        (ToldQuality, Quality),
        (JobFailure, Failure),
    ],
)
def test_everything_that_the_service_tells_has_a_field(told: Any, view: type[BaseModel]) -> None:
    assert {field.name for field in fields(told)} - {"raw"} == set(view.model_fields)


def test_pictures_input_notes_and_times_are_read_and_what_a_newer_service_adds_is_no_harm() -> None:
    job = parse_job(
        job_json(
            "succeeded",
            results=[{**RESULT, "novelty": 1}],
            input={**INPUT, "novelty": 1},
            metadata={"order": "4711"},
            attempt=2,
            cancel_requested=True,
            started_at="2026-01-01T00:00:01Z",
            finished_at="2026-01-01T00:00:03.5Z",
        )
    )
    assert job.results == (Result(1, "/v1/jobs/job1/result/1", "image/png", 96, 80, 1234),)
    assert job.input == Input(96, 80, mask_source="side", coverage=0.5)
    assert (job.metadata, job.attempt, job.cancel_requested) == ({"order": "4711"}, 2, True)
    assert job.started_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert job.finished_at == datetime(2026, 1, 1, 0, 0, 3, 500_000, tzinfo=UTC)


def test_what_an_older_service_does_not_tell_is_empty() -> None:
    job = parse_job({"id": "job1", "state": "queued", "task": "generate"})
    assert (job.results, job.input, job.metadata) == ((), None, {})
    assert (job.attempt, job.cancel_requested, job.started_at, job.finished_at) == (None, False, None, None)


@pytest.mark.parametrize("broken", [{"results": [{"index": 0}]}, {"input": {"width_px": 1}}, {"finished_at": "soon"}])
def test_a_job_that_is_told_in_part_is_no_job(call: Caller, broken: dict[str, Any]) -> None:
    with pytest.raises(ServiceFailed, match="not a job"):
        call(ScriptedService((200, job_json(**broken))), "get", "job1")


def test_a_real_service_tells_of_its_pictures(service_url: str) -> None:
    with Client(service_url) as client:
        submitted = client.generate(prompt="a vase", n=2, metadata={"order": "4711"})
        job = client.wait(submitted.id, timeout_s=60)
        sizes = [len(client.result(job.id, result.index)) for result in job.results]
    assert [result.bytes for result in job.results] == sizes
    assert job.metadata == {"order": "4711"}
    assert job.attempt == 1
    assert None not in (job.started_at, job.finished_at)

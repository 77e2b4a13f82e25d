from __future__ import annotations

from inlay.models import parse_job
from inlay.timings import StageTime, StepSummary, StepTime, Timeline, Timings
from tests.inlay.fake_service import job_json

TIMELINE = {
    "stages": [{"stage": "queued", "start_s": 0.0, "seconds": 0.5, "new": 1}],
    "steps": [{"start_s": 0.5, "seconds": 0.1}],
    "step_summary": {"count": 1, "first_s": 0.1, "last_s": 0.1, "median_s": 0.1, "max_s": 0.1, "new": 1},
}


def test_timeline_is_read_and_what_a_newer_service_adds_is_no_harm() -> None:
    timings = {"queue_s": 0.5, "run_s": 1.0, "nfe": 2, "timeline": TIMELINE}
    told = parse_job(job_json("succeeded", timings=timings)).timings
    timeline = Timeline((StageTime("queued", 0.0, 0.5),), (StepTime(0.5, 0.1),), StepSummary(1, 0.1, 0.1, 0.1, 0.1))
    assert told == Timings(0.5, 1.0, 2, timeline)


def test_a_service_that_tells_no_timeline_is_understood() -> None:
    old = parse_job(job_json("succeeded", timings={"queue_s": 0.5, "run_s": 1.0, "nfe": 2})).timings
    assert old == Timings(0.5, 1.0, 2)
    assert parse_job(job_json("queued", timings=None)).timings == Timings()

"""Following a job to its result, by asking or by holding on."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from tests.app.answers import problem, submit_complete
from tests.app.stand_in import StandIn


def test_job_is_followed_from_queue_to_result(http: httpx.Client, worker: StandIn) -> None:
    first, job = submit_complete(http), submit_complete(http, n="2", steps="10")
    path = job["links"]["self"]
    assert http.get(path).json()["queue_position"] == 1
    waiting = problem(http.get(f"{path}/result"), 409, "result_not_ready")
    assert waiting["retryable"]

    record = worker.start(job["id"])
    worker.report(record, 4, eta_s=7.2)
    response = http.get(path)
    assert response.json()["state"] == "running"
    assert response.json()["progress"] == {"step": 4, "steps": 10, "eta_s": 7.2}
    assert response.json()["queue_position"] is None
    assert response.json()["attempt"] == 1
    assert response.headers["retry-after"] == "8"
    assert problem(http.get(f"{path}/result"), 409, "result_not_ready")

    pictures = worker.finish(record)
    response = http.get(path)
    done = response.json()
    assert "retry-after" not in response.headers
    assert (done["state"], done["progress"]["eta_s"]) == ("succeeded", 0)
    assert done["timings"] == {"queue_s": 0.1, "run_s": 1.5, "nfe": 10, "timeline": None}
    assert done["quality"] == {"known_region_max_abs_diff": 0, "residual": 0.01}
    assert [entry["link"] for entry in done["results"]] == [f"{path}/result/0", f"{path}/result/1"]
    assert done["started_at"] <= done["finished_at"]
    for link, picture in zip([f"{path}/result", f"{path}/result/1"], pictures, strict=True):
        answer = http.get(link)
        assert answer.content == picture
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-content-type-options"] == "nosniff"
    problem(http.get(f"{path}/result/2"), 404, "result_not_found", "/index")
    assert http.get(first["links"]["self"]).json()["progress"]["eta_s"] == 1.5  # measured by now


@pytest.mark.parametrize(("kind", "extension"), [("png", "png"), ("webp", "webp"), ("jpeg", "jpg")])
def test_result_has_type_name_and_validator(http: httpx.Client, worker: StandIn, kind: str, extension: str) -> None:
    job = submit_complete(http, output=f'{{"format": "{kind}"}}')
    worker.finish(worker.start(job["id"]))
    answer = http.get(job["links"]["result"])
    assert answer.headers["content-type"] == f"image/{kind}"
    assert answer.headers["content-disposition"] == f'inline; filename="inlay-{job["id"][:12]}-0.{extension}"'
    again = http.get(job["links"]["result"], headers={"If-None-Match": f'"other", {answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")


def test_unchanged_job_is_not_sent_again(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    etag = http.get(job["links"]["self"]).headers["etag"]
    again = http.get(job["links"]["self"], headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    worker.start(job["id"])
    assert http.get(job["links"]["self"], headers={"If-None-Match": etag}).status_code == 200


def test_prefer_wait_holds_the_answer_until_the_job_is_final(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    record = worker.start(job["id"])
    timer = threading.Timer(0.5, worker.finish, [record])
    timer.start()
    began = time.monotonic()
    response = http.get(job["links"]["self"], headers={"Prefer": "respond-async, wait=20"})
    assert response.json()["state"] == "succeeded"
    assert 0.4 < time.monotonic() - began < 3
    assert response.headers["preference-applied"] == "wait=20"
    timer.join()


def test_prefer_wait_ends_after_its_time(http: httpx.Client) -> None:
    job = submit_complete(http)
    began = time.monotonic()
    response = http.get(job["links"]["self"], headers={"Prefer": "wait=1"})
    assert response.json()["state"] == "queued"
    assert 0.9 < time.monotonic() - began < 2.5


def test_prefer_wait_with_etag_ends_at_the_first_change(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    record = worker.start(job["id"])
    etag = http.get(job["links"]["self"]).headers["etag"]
    timer = threading.Timer(0.3, worker.report, [record, 3])
    timer.start()
    response = http.get(job["links"]["self"], headers={"Prefer": "wait=20", "If-None-Match": etag})
    assert (response.status_code, response.json()["progress"]["step"]) == (200, 3)
    timer.join()


@pytest.mark.parametrize("prefer", ["wait=-1", "wait=abc", "wait", "wait=1e9", "handling=lenient", ""])
def test_senseless_preference_is_ignored(http: httpx.Client, prefer: str) -> None:
    job = submit_complete(http)
    response = http.get(job["links"]["self"], headers={"Prefer": prefer})
    assert response.status_code == 200
    assert "preference-applied" not in response.headers


def test_long_wait_is_cut_to_thirty_seconds(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.finish(worker.start(job["id"]))
    response = http.get(job["links"]["self"], headers={"Prefer": 'wait="3600"'})
    assert response.headers["preference-applied"] == "wait=30"


def test_failed_job_tells_why(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.fail(worker.start(job["id"]))
    assert http.get(job["links"]["self"]).json()["error"] == {"code": "diverged", "detail": "The sampler diverged."}
    assert "The sampler diverged." in problem(http.get(job["links"]["result"]), 409, "job_failed")["detail"]
    problem(http.post(job["links"]["cancel"]), 409, "job_final")

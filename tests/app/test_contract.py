"""Submit, follow, fetch, cancel, delete: over loopback, against the API process."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from jobs import keys
from jobs.spec import TASKS
from tests.app.pictures import base64_text, mask_image, mask_png, opened, picture_png
from tests.app.stand_in import StandIn


def problem(response: httpx.Response, status: int, code: str, pointer: str | None = None) -> dict[str, Any]:
    """Checks that the answer is this problem, whole."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code), body
    assert body.get("pointer") == pointer, body
    assert body["type"] == f"/docs/problems#{code}"
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["title"]
    assert body["detail"]
    assert isinstance(body["retryable"], bool)
    return body


def submit_complete(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    response = http.post("/v1/jobs", data={"task": "complete", **fields}, files={"image": picture_png()})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def test_multipart_with_plain_fields_is_accepted(http: httpx.Client) -> None:
    response = http.post(
        "/v1/jobs",
        data={
            "task": "complete",
            "keep": "right",
            "fraction": "0.25",
            "steps": "12",
            "seed": "7",
            "preserve_known": "false",
            "output": '{"format": "webp", "quality": 80}',
            "metadata": '{"order": "17"}',
        },
        files={"image": ("whatever.exe", picture_png(), "text/plain")},
    )
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert int(response.headers["retry-after"]) >= 1
    assert job["links"]["result"] == f"/v1/jobs/{job['id']}/result"
    assert job["links"]["cancel"] == f"/v1/jobs/{job['id']}/cancel"
    assert (job["state"], job["task"], job["seed"], job["queue_position"]) == ("queued", "complete", 7, 0)
    assert job["progress"] == {"step": 0, "steps": 12, "eta_s": None}
    assert job["parameters"] == {
        "prompt": "",
        "negative_prompt": "",
        "guidance_scale": 1.0,
        "steps": 12,
        "solver": "default",
        "inner_steps": 5,
        "seed": 7,
        "n": 1,
        "model": None,
        "output": {"format": "webp", "quality": 80},
        "priority": "normal",
        "deadline_s": None,
        "webhook_url": None,
        "preserve_known": False,
        "mask_feather_px": 0,
        "keep": "right",
        "fraction": 0.25,
    }
    assert job["metadata"] == {"order": "17"}
    assert job["input"] == {
        "width_px": 96,
        "height_px": 80,
        "result_width_px": 96,
        "result_height_px": 80,
        "format": "png",
        "mask_source": "side",
        "mask_polarity": None,
        "coverage": 0.75,
    }


@pytest.mark.parametrize("params_part", [("params.json", "application/json"), (None, "application/json")])
def test_params_part_means_the_same_as_fields(http: httpx.Client, params_part: tuple[str | None, str]) -> None:
    name, kind = params_part
    params = b'{"task": "complete", "steps": 9, "output": {"format": "jpeg"}}'
    response = http.post("/v1/jobs", data={"seed": "3"}, files={"image": picture_png(), "params": (name, params, kind)})
    assert response.status_code == 202, response.text
    parameters = response.json()["parameters"]
    assert (parameters["steps"], parameters["seed"], parameters["output"]["format"]) == (9, 3, "jpeg")


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ('"steps": true', "/steps"),
        ('"steps": "9"', "/steps"),
        ('"fraction": "0.5"', "/fraction"),
        ('"preserve_known": 1', "/preserve_known"),
        ('"output": {"quality": "80"}', "/output/quality"),
    ],
)
def test_params_part_is_read_as_strictly_as_json(http: httpx.Client, params: str, pointer: str) -> None:
    data = {"task": "complete", "seed": "3", "mask_feather_px": "2", "params": f"{{{params}}}"}
    problem(http.post("/v1/jobs", data=data, files={"image": picture_png()}), 422, "invalid_field", pointer)


def test_plain_fields_beside_params_are_read_as_text(http: httpx.Client) -> None:
    data = {"task": "complete", "seed": "3", "preserve_known": "false", "deadline_s": "60", "output": '{"quality": 80}'}
    params = '{"steps": 9, "fraction": 0.25, "metadata": {"a": "b"}}'
    response = http.post("/v1/jobs", data=data | {"params": params}, files={"image": picture_png()})
    assert response.status_code == 202, response.text
    parameters = response.json()["parameters"]
    assert (parameters["steps"], parameters["fraction"]) == (9, 0.25)
    assert (parameters["preserve_known"], parameters["deadline_s"]) == (False, 60)
    assert parameters["output"]["quality"] == 80
    problem(
        http.post("/v1/jobs", data={"task": "complete", "output": '{"quality": "80"}'}, files={"image": picture_png()}),
        422,
        "invalid_field",
        "/output/quality",
    )


def test_json_and_multipart_make_the_same_job(http: httpx.Client, worker: StandIn) -> None:
    form = http.post(
        "/v1/jobs",
        data={"task": "inpaint", "steps": "9", "seed": "3"},
        files={"image": picture_png(), "mask": mask_png()},
    ).json()
    body = {"task": "inpaint", "steps": 9, "seed": 3, "image": base64_text(picture_png())}
    body["mask"] = "data:text/html;base64," + base64_text(mask_png())
    as_json = http.post("/v1/jobs", json=body).json()
    for same in ("parameters", "input", "seed", "task"):
        assert form[same] == as_json[same]
    stored = [
        worker.blobs.get(keys.blob(job["id"], name)).data for job in (form, as_json) for name in ("image", "mask")
    ]
    assert stored[:2] == stored[2:]


def test_stored_inputs_are_what_the_worker_expects(http: httpx.Client, worker: StandIn) -> None:
    job = http.post("/v1/jobs", data={"task": "inpaint"}, files={"image": picture_png(), "mask": mask_png()}).json()
    record = worker.store.get(job["id"])
    assert record is not None
    image, mask = (opened(worker.blobs.get(record.inputs[name]).data) for name in ("image", "mask"))
    assert (image.mode, image.size, mask.mode, mask.size) == ("RGB", (96, 80), "L", (96, 80))
    assert image.tobytes() == opened(picture_png()).tobytes()
    assert mask.tobytes() == mask_image().tobytes()
    assert job["input"]["coverage"] == pytest.approx(0.25)
    assert worker.queue.waiting() == {job["id"]}
    assert worker.store.active_ids() == [job["id"]]


def test_generate_needs_no_picture_and_echoes_the_size(http: httpx.Client) -> None:
    job = http.post("/v1/jobs", json={"task": "generate", "prompt": "a red butterfly", "width_px": 192}).json()
    assert job["input"]["width_px"] == 192
    assert job["input"]["height_px"] == 128
    assert job["parameters"]["guidance_scale"] == 3.0


def test_absent_seed_is_drawn_and_echoed(http: httpx.Client) -> None:
    first, second = submit_complete(http), submit_complete(http)
    assert first["seed"] == first["parameters"]["seed"] != second["seed"]
    assert 0 <= first["seed"] < 2**32


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


def test_cancel_takes_a_queued_job_off_at_once_and_repeating_it_is_harmless(
    http: httpx.Client, worker: StandIn
) -> None:
    job = submit_complete(http)
    for _ in range(2):
        response = http.post(job["links"]["cancel"])
        assert (response.status_code, response.json()["state"]) == (200, "canceled")
    assert worker.queue.waiting() == set()
    assert worker.redis.keys(f"inlay:blob:{job['id']}:*") == [], "its uploads are of no use any more"
    problem(http.get(job["links"]["result"]), 409, "job_canceled")


def test_cancel_asks_a_running_job_to_stop(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.start(job["id"])
    for _ in range(2):
        response = http.post(job["links"]["cancel"])
        assert (response.status_code, response.json()["state"]) == (202, "running")
        assert response.json()["cancel_requested"]
    assert worker.store.cancel_requested([job["id"]]) == {job["id"]}


def test_job_that_succeeded_cannot_be_canceled(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.finish(worker.start(job["id"]))
    problem(http.post(job["links"]["cancel"]), 409, "job_final")


@pytest.mark.parametrize("far", ["queued", "running", "succeeded"])
def test_delete_leaves_nothing_behind(http: httpx.Client, worker: StandIn, far: str) -> None:
    job = http.post("/v1/jobs", data={"task": "inpaint"}, files={"image": picture_png(), "mask": mask_png()}).json()
    if far != "queued":
        record = worker.start(job["id"])
        if far == "succeeded":
            worker.finish(record)
    assert http.delete(job["links"]["self"]).status_code == 204
    left = [key for key in worker.redis.keys("*") if job["id"].encode() in key]
    told = [] if far == "succeeded" else [keys.events(job["id"]).encode()]  # for a minute, to those who follow it
    assert left == told
    assert all(0 < worker.redis.ttl(key) <= 60 for key in left)
    assert worker.store.cancel_requested([job["id"]]) == {job["id"]}
    problem(http.get(job["links"]["self"]), 404, "job_not_found")
    problem(http.delete(job["links"]["self"]), 404, "job_not_found")


def test_expired_job_is_told_from_an_unknown_one(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.redis.delete(keys.job(job["id"]))  # what its time to live does in a day
    for method, path in [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")]:
        problem(http.request(method, job["links"]["self"] + path), 410, "job_expired")


def test_expired_result_returns_410(http: httpx.Client, worker: StandIn) -> None:
    job = submit_complete(http)
    worker.finish(worker.start(job["id"]))
    worker.blobs.delete([keys.blob(job["id"], "result-0")])
    problem(http.get(job["links"]["result"]), 410, "result_expired")


@pytest.mark.parametrize("job_id", ["0" * 32, "short", "a" * 500, "%2e%2e%2fetc", "job%00id-0000", "ünïcödé-id"])
def test_unknown_job_returns_404(http: httpx.Client, job_id: str) -> None:
    for method, path in [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")]:
        response = http.request(method, f"/v1/jobs/{job_id}{path}")
        assert response.status_code == 404
        assert response.json()["code"] in {"job_not_found", "route_not_found"}


def test_result_index_must_be_a_number(http: httpx.Client) -> None:
    problem(http.get(f"/v1/jobs/{'0' * 32}/result/first"), 422, "invalid_field", "/index")


def test_framework_errors_are_problems(http: httpx.Client) -> None:
    problem(http.get("/nowhere"), 404, "route_not_found")
    problem(http.post("/v1/jobs/"), 404, "route_not_found")
    wrong_method = http.put("/v1/jobs")
    problem(wrong_method, 405, "method_not_allowed")
    assert wrong_method.headers["allow"] == "GET, POST"
    assert http.put(f"/v1/jobs/{'0' * 32}").headers["allow"] == "DELETE, GET"


def test_request_id_is_kept_if_sane_and_replaced_otherwise(http: httpx.Client) -> None:
    assert http.get("/nowhere", headers={"X-Request-ID": "abc.1-2_3"}).json()["request_id"] == "abc.1-2_3"
    for wrong in ("x" * 65, "a b", "<script>"):
        assert http.get("/healthz", headers={"X-Request-ID": wrong}).headers["x-request-id"] != wrong


def test_models_and_limits_say_what_is_possible(http: httpx.Client, worker: StandIn) -> None:
    assert http.get("/v1/models").json() == {
        "models": [{"id": "scenes-128", "native_size_px": 128, "tasks": list(TASKS), "workers": 1}]
    }
    limits = http.get("/v1/limits").json()
    assert limits["max_upload_bytes"] == worker.settings.max_upload_bytes
    assert limits["max_body_bytes"] > 2 * limits["max_upload_bytes"]
    assert limits["min_side_px"] == 64


def test_model_must_be_one_that_is_served(http: httpx.Client) -> None:
    assert submit_complete(http, model="scenes-128")["parameters"]["model"] == "scenes-128"
    response = http.post("/v1/jobs", json={"task": "generate", "model": "other"})
    assert "scenes-128" in problem(response, 422, "unknown_model", "/model")["detail"]


def test_problem_types_lead_to_their_explanation(http: httpx.Client) -> None:
    address, _, anchor = http.get("/nowhere").json()["type"].partition("#")
    page = http.get(address)
    assert page.headers["content-type"].startswith("text/html")
    assert f'id="{anchor}"' in page.text

"""What may be submitted, and what is understood of it: over loopback, against the API process."""

from __future__ import annotations

import httpx
import pytest

from jobs import keys
from tests.app.answers import problem, submit_complete
from tests.app.pictures import base64_text, mask_image, mask_png, opened, picture_png
from tests.app.stand_in import StandIn


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


def test_model_must_be_one_that_is_served(http: httpx.Client) -> None:
    assert submit_complete(http, model="scenes-128")["parameters"]["model"] == "scenes-128"
    response = http.post("/v1/jobs", json={"task": "generate", "model": "other"})
    assert "scenes-128" in problem(response, 422, "unknown_model", "/model")["detail"]

"""Every task over HTTP: which files it takes, what was understood, what is refused with which pointer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from PIL import Image

from tests.app.answers import problem
from tests.app.pictures import base64_text, encoded, mask_png, opened, picture_png
from tests.app.stand_in import StandIn

MEASURED: list[dict[str, str]] = [
    {"task": "colorize"},
    {"task": "deblur", "sigma_px": "1.5"},
    {"task": "deblur", "kernel": "motion", "length_px": "9", "angle_deg": "30"},
]


def post(http: httpx.Client, data: dict[str, str], image: bytes | None = None) -> httpx.Response:
    return http.post("/v1/jobs", data=data, files={"image": picture_png() if image is None else image})


def accepted(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def test_outpaint_echoes_the_margins_and_the_size_that_they_make(http: httpx.Client, worker: StandIn) -> None:
    job = accepted(post(http, {"task": "outpaint", "left_px": "96", "bottom_px": "20"}))
    assert job["input"] == {
        "width_px": 96,
        "height_px": 80,
        "result_width_px": 192,
        "result_height_px": 100,
        "format": "png",
        "mask_source": "margins",
        "mask_polarity": None,
        "coverage": 0.6,
    }
    worker.finish(worker.start(job["id"]))
    assert opened(http.get(job["links"]["result"]).content).size == (192, 100)


@pytest.mark.parametrize(("factor", "side"), [(2, 64), (4, 16), (8, 8)])
def test_upscale_takes_pictures_as_small_as_its_factor_allows(http: httpx.Client, factor: int, side: int) -> None:
    job = accepted(post(http, {"task": "upscale", "factor": str(factor)}, picture_png(side, side)))
    assert job["parameters"]["factor"] == factor
    assert job["input"]["result_width_px"] == job["input"]["result_height_px"] == factor * side
    assert job["input"]["coverage"] is job["input"]["mask_source"] is None
    smaller = post(http, {"task": "upscale", "factor": str(factor)}, picture_png(side, 64 // factor - 1))
    problem(smaller, 422, "image_too_small", "/image")


@pytest.mark.parametrize("fields", MEASURED)
def test_measured_pictures_keep_their_size(http: httpx.Client, worker: StandIn, fields: dict[str, str]) -> None:
    job = accepted(post(http, fields))
    assert (job["input"]["result_width_px"], job["input"]["result_height_px"]) == (96, 80)
    record = worker.store.get(job["id"])
    assert record is not None
    assert opened(worker.blobs.get(record.inputs["image"]).data).tobytes() == opened(picture_png()).tobytes()


def test_style_takes_a_reference_and_no_image(http: httpx.Client, worker: StandIn) -> None:
    form = http.post(
        "/v1/jobs", data={"task": "style", "prompt": "a house", "width_px": "256"}, files={"reference": picture_png()}
    )
    job = accepted(form)
    assert (job["input"]["width_px"], job["input"]["height_px"]) == (256, 128)
    assert (job["parameters"]["solver"], job["parameters"]["guidance_scale"]) == ("newton", 3.0)
    record = worker.store.get(job["id"])
    assert record is not None
    assert set(record.inputs) == {"reference"}
    accepted(http.post("/v1/jobs", json={"task": "style", "reference": base64_text(picture_png())}))
    problem(http.post("/v1/jobs", json={"task": "style", "prompt": "a house"}), 422, "missing_field", "/reference")
    both = {"reference": picture_png(), "image": picture_png()}
    problem(http.post("/v1/jobs", data={"task": "style"}, files=both), 422, "unknown_field", "/image")
    broken = http.post("/v1/jobs", data={"task": "style"}, files={"reference": picture_png()[:200]})
    problem(broken, 422, "image_truncated", "/reference")


@pytest.mark.parametrize("fields", [{"task": "outpaint", "top_px": "8"}, {"task": "upscale"}, *MEASURED])
def test_other_tasks_take_an_image_alone(http: httpx.Client, fields: dict[str, str]) -> None:
    problem(http.post("/v1/jobs", data=fields, files={"mask": mask_png()}), 422, "missing_field", "/image")
    for extra in ("mask", "reference"):
        files = {"image": picture_png(), extra: picture_png()}
        problem(http.post("/v1/jobs", data=fields, files=files), 422, "unknown_field", f"/{extra}")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"task": "outpaint"}, "invalid_field", "/bottom_px"),
        ({"task": "outpaint", "left_px": "-1"}, "invalid_field", "/left_px"),
        ({"task": "upscale", "factor": "3"}, "invalid_field", "/factor"),
        ({"task": "upscale", "factor": "two"}, "invalid_field", "/factor"),
        ({"task": "deblur"}, "missing_field", "/sigma_px"),
        ({"task": "deblur", "kernel": "motion"}, "missing_field", "/length_px"),
        ({"task": "deblur", "kernel": "motion", "length_px": "9", "sigma_px": "1"}, "unknown_field", "/sigma_px"),
        ({"task": "deblur", "sigma_px": "2", "angle_deg": "5"}, "unknown_field", "/angle_deg"),
        ({"task": "deblur", "sigma_px": "20"}, "invalid_field", "/sigma_px"),
        ({"task": "colorize", "factor": "2"}, "unknown_field", "/factor"),
    ],
)
def test_wrong_parameters_are_pointed_at(http: httpx.Client, fields: dict[str, str], code: str, pointer: str) -> None:
    problem(post(http, fields), 422, code, pointer)


def test_results_too_large_or_too_thin_are_refused_before_they_are_sampled(http: httpx.Client) -> None:
    wide = encoded(Image.new("RGB", (8192, 256)))
    large = {"task": "outpaint", "top_px": "2047", "bottom_px": "2048", "left_px": "2046", "right_px": "9"}
    problem(post(http, large, wide), 422, "result_too_large", "/bottom_px")
    thin = {"task": "outpaint", "left_px": "2048"}
    problem(post(http, thin, picture_png(64, 64)), 422, "aspect_ratio", "/left_px")


def test_what_the_model_is_too_small_for_is_refused(http: httpx.Client) -> None:
    refused = post(http, {"task": "upscale"}, picture_png(129, 64))
    assert "128" in problem(refused, 422, "beyond_model", "/image")["detail"]
    problem(post(http, {"task": "deblur", "sigma_px": "0.5"}, picture_png(200, 64)), 422, "beyond_model", "/sigma_px")
    motion = {"task": "deblur", "kernel": "motion", "length_px": "2"}
    problem(post(http, motion, picture_png(200, 64)), 422, "beyond_model", "/length_px")


def test_style_is_refused_where_nobody_sees_styles(http: httpx.Client, worker: StandIn) -> None:
    worker.appear(tasks=["complete", "generate"])
    files = {"reference": picture_png()}
    problem(http.post("/v1/jobs", data={"task": "style"}, files=files), 422, "task_unavailable", "/task")
    (model,) = http.get("/v1/models").json()["models"]
    assert model["tasks"] == ["complete", "generate"]
    assert "style" in http.get("/v1/limits").json()["tasks"]

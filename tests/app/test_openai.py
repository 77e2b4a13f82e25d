"""OpenAI's own client, unmodified, on the routes that are shaped for it."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import DefaultHttpxClient, OpenAI
from PIL import Image, ImageChops
from pydantic import SecretStr

from jobs.record import JobRecord
from jobs.settings import Settings
from tests.app.keyed import KeyedService
from tests.app.pictures import base64_text, encoded, gradient, mask_image, mask_png, opened, picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


def client_of(api: ApiProcess, key: str = "unused", retries: int = 0) -> OpenAI:
    http = DefaultHttpxClient(trust_env=False)
    address = f"{api.client.base_url}/v1"
    return OpenAI(base_url=address, api_key=key, max_retries=retries, timeout=60.0, http_client=http)


@pytest.fixture
def client(api: ApiProcess, worker: StandIn) -> Iterator[OpenAI]:
    with client_of(api) as client:
        yield client


class Work:
    """What the stand-in has done so far."""

    def __init__(self) -> None:
        self.records: list[JobRecord] = []
        self.pictures: list[bytes] = []


@contextmanager
def at_work(worker: StandIn, *, failing: bool = False) -> Iterator[Work]:
    """The worker takes jobs while the block runs."""
    over, work = threading.Event(), Work()

    def take() -> None:
        while not over.wait(0.02):
            for job_id in worker.queue.waiting():
                record = worker.start(job_id)
                work.records.append(record)
                if failing:
                    worker.fail(record)
                else:
                    work.pictures += worker.finish(record)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield work
    finally:
        over.set()
        thread.join()


def transparent_mask(width: int = 96, height: int = 80) -> bytes:
    """As OpenAI wants it: the box in the middle is transparent, whatever its colour."""
    mask = gradient(width, height, "RGBA")
    mask.putalpha(ImageChops.invert(mask_image(width, height)))
    return encoded(mask)


def test_edit_repaints_what_the_mask_leaves_transparent(client: OpenAI, worker: StandIn) -> None:
    before = int(time.time())
    with at_work(worker) as work:
        edited = client.images.edit(
            image=("photo.png", picture_png(), "image/png"),
            mask=("mask.png", transparent_mask(), "image/png"),
            prompt="a red butterfly",
            n=2,
            user="alice",
            size="auto",
            quality="auto",
            background="auto",
        )
    (record,) = work.records
    assert record.spec.task == "inpaint"
    assert (record.spec.prompt, record.spec.n, record.metadata) == ("a red butterfly", 2, {"user": "alice"})
    assert record.input is not None
    assert (record.input.mask_source, record.input.coverage) == ("file", 0.25)
    assert edited.data is not None
    assert [base64.b64decode(one.b64_json or "") for one in edited.data] == work.pictures
    assert [opened(picture).size for picture in work.pictures] == [(96, 80)] * 2
    assert before <= edited.created <= time.time()
    assert edited.usage is None


def test_models_are_listed(client: OpenAI) -> None:
    (model,) = client.models.list().data
    assert (model.id, model.object) == ("scenes-128", "model")


def test_mask_reaches_the_worker_white_where_it_was_transparent(client: OpenAI, worker: StandIn) -> None:
    masks: list[Image.Image] = []

    def look() -> None:
        while not (waiting := worker.queue.waiting()):
            time.sleep(0.02)
        record = worker.start(waiting.pop())
        masks.append(opened(worker.blobs.get(record.inputs["mask"]).data))
        worker.finish(record)

    looking = threading.Thread(target=look)
    looking.start()
    client.images.edit(image=picture_png(), mask=transparent_mask(), prompt="a vase")
    looking.join()
    assert masks[0].tobytes() == mask_image().tobytes()


def test_picture_is_its_own_mask_and_may_come_as_a_list(client: OpenAI, worker: StandIn) -> None:
    cutout = gradient(mode="RGBA")
    cutout.putalpha(ImageChops.invert(mask_image()))
    with at_work(worker) as work:
        client.images.edit(image=[encoded(cutout)], prompt="a vase", size="96x80")
    (record,) = work.records
    assert record.input is not None
    assert (record.input.mask_source, record.input.coverage) == ("alpha", 0.25)


@pytest.mark.parametrize(("kind", "signature"), [("png", b"\x89PNG"), ("webp", b"RIFF"), ("jpeg", b"\xff\xd8")])
def test_generation_has_format_and_size_that_were_asked_for(
    client: OpenAI, worker: StandIn, kind: Any, signature: bytes
) -> None:
    with at_work(worker) as work:
        made = client.images.generate(prompt="a vase", model="scenes-128", output_format=kind, size="128x192")
    assert made.data is not None
    picture = base64.b64decode(made.data[0].b64_json or "")
    assert picture.startswith(signature)
    assert opened(picture).size == (128, 192)
    assert work.records[0].spec.task == "generate"


def test_address_is_answered_instead_of_bytes(client: OpenAI, worker: StandIn, http: httpx.Client) -> None:
    with at_work(worker) as work:
        made = client.images.generate(prompt="a vase", response_format="url", n=2)
    assert made.data is not None
    assert [one.b64_json for one in made.data] == [None, None]
    assert [http.get(one.url or "").content for one in made.data] == work.pictures


def test_json_bodies_are_taken_as_openai_writes_them(worker: StandIn, http: httpx.Client) -> None:
    picture, mask = base64_text(picture_png()), f"data:image/png;base64,{base64_text(transparent_mask())}"
    bodies: list[dict[str, Any]] = [
        {"image": picture, "mask": mask},
        {"images": [{"image_url": f"data:image/png;base64,{picture}"}], "mask": {"image_url": mask}, "n": None},
    ]
    for body in bodies:
        with at_work(worker) as work:
            answer = http.post("/v1/images/edits", json={"prompt": "a vase", **body})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-inlay-job"] == work.records[0].id
        assert base64.b64decode(answer.json()["data"][0]["b64_json"]) == work.pictures[0]
        assert set(answer.json()) == {"created", "data"}


def refused(error: openai.APIStatusError, status: int, code: str, param: str | None) -> None:
    assert (error.status_code, error.code, error.param) == (status, code, param), error
    assert error.response.headers["content-type"] == "application/json"
    assert error.response.headers["x-request-id"]
    assert isinstance(error.body, dict)
    assert set(error.body) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        ({"mask": mask_png()}, "mask_empty", "mask"),
        ({"mask": transparent_mask(64, 64)}, "mask_size_mismatch", "mask"),
        ({"mask": b"no picture"}, "unsupported_image_type", "mask"),
        ({}, "mask_missing", "mask"),
        ({"model": "dall-e-2"}, "unknown_model", "model"),
        ({"n": 9}, "invalid_field", "n"),
        ({"size": "512x512"}, "invalid_field", "size"),
        ({"size": "large"}, "invalid_field", "size"),
        ({"quality": "high"}, "invalid_field", "quality"),
        ({"background": "transparent"}, "invalid_field", "background"),
        ({"input_fidelity": "high"}, "unknown_field", "input_fidelity"),
        ({"output_compression": 50}, "invalid_field", "output_compression"),
        ({"output_format": "gif"}, "invalid_field", "output_format"),
        ({"response_format": "jpeg"}, "invalid_field", "response_format"),
        ({"user": "x" * 513}, "invalid_field", "user"),
        ({"image": [picture_png(), picture_png()]}, "duplicate_field", "image[]"),
        ({"extra_body": {"seed": 7}}, "unknown_field", "seed"),
    ],
)
def test_what_is_wrong_or_has_no_meaning_is_refused_by_name(
    client: OpenAI, worker: StandIn, sent: dict[str, Any], code: str, param: str
) -> None:
    mask = {} if code == "mask_missing" else {"mask": transparent_mask()}
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(**{"image": picture_png(), "prompt": "a vase", **mask, **sent})
    refused(caught.value, 400, code, param)
    assert worker.queue.depth() == 0
    assert worker.redis.keys("inlay:blob:*") == []


def test_generation_refuses_what_it_has_no_use_for(http: httpx.Client, worker: StandIn) -> None:
    bodies: list[tuple[dict[str, Any], str, str]] = [
        ({}, "missing_field", "prompt"),
        ({"prompt": "a vase", "size": "32x128"}, "invalid_field", "size"),
        ({"prompt": "a vase", "n": "2"}, "invalid_field", "n"),
        ({"prompt": "a vase", "style": "vivid"}, "invalid_field", "style"),
        ({"prompt": "a vase", "stream": True}, "invalid_field", "stream"),
        ({"prompt": "a vase", "image": "x"}, "unknown_field", "image"),
    ]
    for body, code, param in bodies:
        error = http.post("/v1/images/generations", json=body).json()["error"]
        assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert worker.queue.depth() == 0


def test_failed_job_is_an_error_that_names_it_and_is_not_sent_again(api: ApiProcess, worker: StandIn) -> None:
    with (
        at_work(worker, failing=True) as work,
        client_of(api, retries=3) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.images.generate(prompt="a vase")
    (record,) = work.records
    refused(caught.value, 500, "job_failed", None)
    assert record.id in str(caught.value)
    assert "diverged" in str(caught.value)


def test_wait_is_bounded_and_the_job_goes_on() -> None:
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, openai_wait_s=0.3) as api:
        worker = StandIn(Settings(redis_url=SecretStr(redis.url)))
        worker.appear()
        with client_of(api, retries=3) as client, pytest.raises(openai.InternalServerError) as caught:
            client.images.generate(prompt="a vase")
        (job_id,) = worker.queue.waiting()
        refused(caught.value, 504, "wait_timeout", None)
        assert caught.value.response.headers["location"] == f"/v1/jobs/{job_id}"
        assert job_id in str(caught.value)
        assert api.client.get(f"/v1/jobs/{job_id}").json()["state"] == "queued"

        key = {"Idempotency-Key": "again"}
        answers = [api.client.post("/v1/images/generations", json={"prompt": "a"}, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [504, 504]
        assert answers[0].headers["location"] == answers[1].headers["location"]
        redis.kill()
        lost = api.client.post("/v1/images/generations", json={"prompt": "a vase"})
        assert (lost.status_code, lost.json()["error"]["code"]) == (503, "storage_unavailable")
        assert lost.headers["x-should-retry"] == "true"
        worker.close()


def test_keys_and_rates_are_those_of_the_service(tmp_path: Path) -> None:
    with KeyedService(tmp_path / "keys", ("alice", "bob"), rate_limit_jobs=2) as service:
        api = service.apis[0]
        with client_of(api, "no such key") as stranger, pytest.raises(openai.AuthenticationError) as unknown:
            stranger.images.generate(prompt="a vase")
        refused(unknown.value, 401, "unauthorized", None)
        nobody = api.client.post("/v1/images/generations", json={"prompt": "a vase"})
        assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "unauthorized")
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        with at_work(service.worker) as work, client_of(api, service.keys["alice"]) as alice:
            made = alice.images.generate(prompt="a vase", response_format="url")
            with pytest.raises(openai.BadRequestError):
                alice.images.generate(prompt="a vase", n=0)
            with pytest.raises(openai.RateLimitError) as caught:
                alice.images.generate(prompt="a vase")
        refused(caught.value, 429, "rate_limited", None)
        assert int(caught.value.response.headers["retry-after"]) > 0
        assert "ratelimit" in caught.value.response.headers
        assert work.records[0].caller == "alice"
        assert made.data is not None
        assert service.of("bob").get(made.data[0].url or "").status_code == 404
        assert service.of("alice").get(made.data[0].url or "").content == work.pictures[0]

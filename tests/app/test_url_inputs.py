"""Pictures by URL: fetched under the guard, then checked like uploads."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.main import create_app
from jobs.settings import Settings
from tests.app.answers import problem
from tests.app.pictures import base64_text, mask_png, opened, picture_png
from tests.app.receiver import Receiver, Reply
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

MOST_BYTES = 100_000
LOCAL: dict[str, Any] = {"allow_http_urls": True, "allow_any_port": True, "allow_private_addresses": True}
PICTURE, MASK = Reply(200, body=picture_png()), Reply(200, body=mask_png())
ON: dict[str, Any] = {"url_inputs": True, "url_timeout_s": 60.0, "max_upload_bytes": MOST_BYTES}
"""Servers here answer at once, but on a busy machine that may be seconds."""


@pytest.fixture(scope="module")
def fetching(app_redis: RedisProcess) -> Iterator[ApiProcess]:
    with ApiProcess(**(LOCAL | ON | {"redis_url": app_redis.url})) as api:
        yield api


@pytest.fixture
def http(fetching: ApiProcess, worker: StandIn) -> httpx.Client:
    return fetching.client


def post(http: httpx.Client, body: str, fields: dict[str, str]) -> httpx.Response:
    """The same submission as JSON, as a form, or as a form's part `params`."""
    if body == "json":
        return http.post("/v1/jobs", json=fields)
    if body == "form":
        return http.post("/v1/jobs", files={name: (None, value) for name, value in fields.items()})
    params = httpx.Response(200, json=fields).content
    return http.post("/v1/jobs", files={"params": (None, params, "application/json")})


@pytest.mark.parametrize("body", ["json", "form", "params"])
def test_pictures_by_url_make_the_job_that_uploads_make(http: httpx.Client, worker: StandIn, body: str) -> None:
    sent = http.post("/v1/jobs", data={"task": "inpaint"}, files={"image": picture_png(), "mask": mask_png()}).json()
    with Receiver(PICTURE, MASK) as server:
        fields = {"task": "inpaint", "image_url": server.url + "?image", "mask_url": server.url + "?mask"}
        fetched = post(http, body, fields)
        assert fetched.status_code == 202, fetched.text
        requests = server.wait_for(2)
    assert fetched.json()["input"] == sent["input"]
    assert "image_url" not in fetched.json()["parameters"]
    for name in ("image", "mask"):
        stored = [worker.store.get(job["id"]) for job in (sent, fetched.json())]
        pngs = [worker.blobs.get(record.inputs[name]).data for record in stored if record is not None]
        assert opened(pngs[0]).tobytes() == opened(pngs[1]).tobytes()
    assert [(one.method, one.path) for one in requests] == [("GET", "/hook?image"), ("GET", "/hook?mask")]
    assert requests[0].headers["accept-encoding"] == "identity"
    assert "authorization" not in requests[0].headers


def test_one_file_may_be_sent_and_another_named(http: httpx.Client) -> None:
    with Receiver(MASK) as server:
        body = {"task": "inpaint", "image": base64_text(picture_png()), "mask_url": server.url}
        assert http.post("/v1/jobs", json=body).status_code == 202


def test_a_reference_may_be_named(http: httpx.Client) -> None:
    with Receiver(PICTURE) as server:
        assert http.post("/v1/jobs", json={"task": "style", "reference_url": server.url}).status_code == 202


BAD: list[tuple[Reply, int, str]] = [
    (Reply(404), 422, "url_not_fetched"),
    (Reply(302, (("Location", "http://169.254.169.254/"),)), 422, "url_not_fetched"),
    (Reply(206, body=picture_png()), 422, "url_not_fetched"),
    (Reply(200, (("Content-Encoding", "gzip"),), gzip.compress(picture_png())), 422, "url_not_fetched"),
    (Reply(200, (("Content-Length", "99999"),), picture_png()), 422, "url_not_fetched"),
    (Reply(200, body=bytes(MOST_BYTES + 1)), 413, "file_too_large"),
    (Reply(200), 422, "file_empty"),
    (
        Reply(200, (("Content-Type", "image/png"),), b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        415,
        "unsupported_image_type",
    ),
    (Reply(200, body=picture_png(32, 32)), 422, "image_too_small"),
]


@pytest.mark.parametrize(("reply", "status", "code"), BAD, ids=[f"{code}-{n}" for n, (_, _, code) in enumerate(BAD)])
def test_what_cannot_be_fetched_or_used_is_told(http: httpx.Client, reply: Reply, status: int, code: str) -> None:
    with Receiver(reply) as server:
        problem(post(http, "json", {"task": "colorize", "image_url": server.url}), status, code, "/image_url")


def test_a_server_that_is_too_slow_is_given_up(app_redis: RedisProcess, worker: StandIn) -> None:
    impatient = LOCAL | ON | {"redis_url": app_redis.url, "url_timeout_s": 0.3}
    with Receiver(Reply(200, body=picture_png(), after_s=60)) as server, ApiProcess(**impatient) as api:
        answer = post(api.client, "json", {"task": "colorize", "image_url": server.url})
        problem(answer, 422, "url_not_fetched", "/image_url")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://169.254.169.254/latest", "http://u:p@127.0.0.1/", "/x", ""]
)
@pytest.mark.parametrize("body", ["json", "form"])
def test_what_may_not_be_called_is_refused(http: httpx.Client, url: str, body: str) -> None:
    problem(post(http, body, {"task": "colorize", "image_url": url}), 422, "url_refused", "/image_url")


def test_fields_are_checked_before_anything_is_fetched(http: httpx.Client) -> None:
    with Receiver() as server:
        named: dict[str, Any] = {"task": "colorize", "image_url": server.url}
        problem(http.post("/v1/jobs", json=named | {"image_url": 1}), 422, "invalid_field", "/image_url")
        problem(http.post("/v1/jobs", json=named | {"steps": 0}), 422, "invalid_field", "/steps")
        twice = named | {"image": base64_text(picture_png())}
        problem(http.post("/v1/jobs", json=twice), 422, "duplicate_field", "/image_url")
        problem(http.post("/v1/jobs", json=named | {"mask_url": server.url}), 422, "unknown_field", "/mask_url")
        missing = {"task": "inpaint", "mask_url": server.url}
        problem(http.post("/v1/jobs", json=missing), 422, "missing_field", "/image")
        assert server.received == []


def test_a_repeated_submission_fetches_nothing_again(http: httpx.Client) -> None:
    with Receiver(PICTURE, Reply(500)) as server:
        key = {"Idempotency-Key": "once"}
        body = {"task": "colorize", "image_url": server.url}
        first, again = (http.post("/v1/jobs", json=body, headers=key) for _ in range(2))
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        other = http.post("/v1/jobs", json=body | {"image_url": server.url + "?other"}, headers=key)
        problem(other, 422, "idempotency_key_reused")
        assert len(server.received) == 1


def test_without_the_setting_nothing_is_fetched(api: ApiProcess, worker: StandIn) -> None:
    with Receiver(PICTURE) as server:
        response = api.client.post("/v1/jobs", json={"task": "colorize", "image_url": server.url})
        problem(response, 422, "url_inputs_off", "/image_url")
        assert server.received == []


def test_the_description_names_urls_where_they_are_fetched() -> None:
    described = create_app(Settings(url_inputs=True)).openapi()
    OpenAPIV31SpecValidator(described).validate()
    schemas = described["components"]["schemas"]
    assert schemas["InpaintJson"]["properties"]["mask_url"]["format"] == "uri"
    assert schemas["ColorizeForm"]["allOf"] == [{"oneOf": [{"required": ["image"]}, {"required": ["image_url"]}]}]
    assert schemas["ColorizeForm"]["required"] == ["task"]
    assert "image_url" not in create_app(Settings()).openapi()["components"]["schemas"]["ColorizeJson"]["properties"]

"""No secret is in any log line of API and worker: not at the level debug, and not when everything goes wrong."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from secrets import token_hex, token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from redis import Redis

from tests.app.keyed import new_key
from tests.app.receiver import Receiver, Reply
from tests.app.service import ApiProcess
from tests.end_to_end.worker_process import WorkerProcess
from tests.redis_process import RedisProcess
from tests.s3_server import S3Server
from tests.worker.tiny_model import make_tiny_model

pytestmark = pytest.mark.end_to_end

LOCAL: dict[str, Any] = {"allow_http_urls": True, "allow_any_port": True, "allow_private_addresses": True}
WEBHOOK_SECRET = "whsec_c2l4dGVlbiBhbmQgc2l4dGVlbiBieXRlcyBsb25nISE="
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Told:
    """What the processes logged, and the secrets that they had, by what each is."""

    api: list[dict[str, Any]]
    worker: list[dict[str, Any]]
    text: str
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("secrets")
    model = make_tiny_model(folder)
    key = new_key("caller", folder / "keys")
    with (folder / "keys").open("a") as lines:
        lines.write(f"caller:webhook:{WEBHOOK_SECRET}\n")
    secrets = {
        "API key": key,
        "webhook secret": WEBHOOK_SECRET.removeprefix("whsec_"),
        "wrong key": f"inlay_{token_urlsafe(32)}",
        "password of Redis": token_hex(16),
        "secret of S3": token_hex(20),
        "token of S3": token_hex(20),
        "token of the receiver": token_hex(16),
    }
    with pytest.MonkeyPatch.context() as patch, RedisProcess() as redis, S3Server() as s3:
        Redis.from_url(redis.url).config_set("requirepass", secrets["password of Redis"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", secrets["secret of S3"])
        patch.setenv("AWS_SESSION_TOKEN", secrets["token of S3"])
        settings = {
            "redis_url": redis.url.replace("unix://", f"unix://:{secrets['password of Redis']}@"),
            "blobs_url": s3.url,
            "log_format": "json",
            "log_level": "debug",
        }
        api_settings = {"api_keys_file": folder / "keys", "presigned_ttl_s": 60, "webhook_retry_s": 0.2, **LOCAL}
        with WorkerProcess(model, **settings) as worker, ApiProcess(**settings, **api_settings) as api:
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=api.client.base_url, headers=headers, timeout=120, trust_env=False) as http:
                secrets |= all_goes_well(http, secrets)
                all_goes_wrong(http, secrets, redis, s3)
            logs = api.stop(), worker.stop()
    return Told(parsed(logs[0]), parsed(logs[1]), "".join(logs), secrets)


def all_goes_well(http: httpx.Client, secrets: dict[str, str]) -> dict[str, str]:
    """A job with a webhook that succeeds at the second attempt, and a presigned result; returns the signatures."""
    until(lambda: http.get("/readyz").status_code == 200)
    with Receiver(Reply(500)) as receiver:
        job_id = submit(http, f"{receiver.url}/{secrets['token of the receiver']}")
        job = http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=30"}).json()
        assert job["state"] == "succeeded", job
        webhooks = receiver.wait_for(2)
    moved = http.get(f"/v1/jobs/{job_id}/result")
    assert moved.status_code == 303
    assert httpx.get(moved.headers["location"], trust_env=False).status_code == 200
    (signature,) = parse_qs(urlsplit(moved.headers["location"]).query)["X-Amz-Signature"]
    signed = {f"webhook's signature {number}": one.headers["webhook-signature"] for number, one in enumerate(webhooks)}
    return {"address's signature": signature, **signed}


def all_goes_wrong(http: httpx.Client, secrets: dict[str, str], redis: RedisProcess, s3: S3Server) -> None:
    """A wrong key, keys where none belongs, a receiver that is not there, and both stores away."""
    wrong = {"Authorization": f"Bearer {secrets['wrong key']}"}
    assert http.get("/v1/jobs", headers=wrong).status_code == 401
    http.get("/v1/jobs", params={"api_key": secrets["API key"], "cursor": secrets["wrong key"]})
    http.get(f"/{secrets['API key']}")
    with Receiver() as receiver:
        nobody = receiver.url
    unheard = submit(http, f"{nobody}/{secrets['token of the receiver']}")
    until(lambda: len(http.get(f"/v1/jobs/{unheard}/deliveries").json()["attempts"]) > 0)
    s3.stop()
    http.get("/readyz")
    submit(http, f"{nobody}?token={secrets['token of the receiver']}")
    time.sleep(1.0)
    redis.kill()
    assert http.get("/v1/jobs").status_code == 503
    time.sleep(2.0)


def submit(http: httpx.Client, url: str) -> str:
    body = {"task": "generate", "steps": 2, "width_px": 64, "height_px": 64, "webhook_url": url}
    answer = http.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def parsed(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_no_secret_is_in_any_line(told: Told) -> None:
    found = {
        what: [line[:300] for line in told.text.splitlines() if secret in line][:3]
        for what, secret in told.secrets.items()
    }
    assert {what: lines for what, lines in found.items() if lines} == {}
    assert len(told.secrets) == 10


def test_what_went_well_and_wrong_was_logged_all_the_same(told: Told) -> None:
    events = {line["event"] for line in told.api}
    assert {"job_accepted", "webhook_attempted", "request_refused", "webhooks_not_read"} <= events
    assert "job succeeded" in {line["event"] for line in told.worker}
    assert any(line["level"] == "debug" for line in told.api + told.worker)


def test_every_line_is_an_object_with_time_level_and_origin(told: Told) -> None:
    plain = [line for line in told.text.splitlines() if line and not line.startswith("{")]
    assert plain == []
    for line in told.api + told.worker:
        assert {"event", "level", "logger", "timestamp"} <= set(line), line

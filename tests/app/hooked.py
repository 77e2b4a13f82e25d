"""A service that calls webhooks: any number of API processes on one Redis, and what they tell of their deliveries."""

from __future__ import annotations

import base64
import time
from contextlib import ExitStack
from typing import Any

import httpx
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from jobs.settings import Settings
from tests.app.receiver import Received
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
TIMEOUT_S, LEASE_S = 1.0, 6.0
LOCAL = {"allow_http_urls": True, "allow_any_port": True, "allow_private_addresses": True}
SWIFT: dict[str, Any] = LOCAL | {"webhook_retry_s": 0.2, "webhook_timeout_s": TIMEOUT_S, "webhook_secret": SECRET}


class Service:
    """Any number of API processes that deliver, and a worker moved by hand."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.redis = self._stack.enter_context(RedisProcess())
        self.worker = StandIn(Settings(redis_url=SecretStr(self.redis.url)))
        self._stack.callback(self.worker.close)
        self.worker.appear()

    def start(self, **settings: object) -> ApiProcess:
        return self._stack.enter_context(ApiProcess(**(SWIFT | settings | {"redis_url": self.redis.url})))

    def close(self) -> None:
        self._stack.close()


def submit(http: httpx.Client, url: str, **more: object) -> str:
    response = http.post("/v1/jobs", json={"task": "generate", "webhook_url": url, **more})
    assert response.status_code == 202, response.text
    job_id: str = response.json()["id"]
    return job_id


def deliveries(http: httpx.Client, job_id: str) -> dict[str, Any]:
    response = http.get(f"/v1/jobs/{job_id}/deliveries")
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def settled(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """The log once the webhook is delivered or given up."""
    deadline = time.monotonic() + 60
    while (log := deliveries(http, job_id))["state"] in (None, "pending"):
        assert time.monotonic() < deadline, log
        time.sleep(0.05)
    return log


def verified(request: Received, secret: str = SECRET) -> dict[str, Any]:
    """The body, if the signature is right by the reference implementation."""
    body: dict[str, Any] = Webhook(secret).verify(request.body, request.headers)
    return body

"""What tests ask of every answer, and the one submission that most of them begin with."""

from __future__ import annotations

from typing import Any

import httpx

from tests.app.pictures import picture_png


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

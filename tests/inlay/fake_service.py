"""The HTTP contract as the client sees it, scripted: answers in the order in which they are to be given."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import httpx


def job_json(state: str = "queued", **changes: object) -> dict[str, Any]:
    """A job as the service describes it."""
    return {
        "id": "job1",
        "state": state,
        "task": "complete",
        "progress": {"step": 0, "steps": 20, "eta_s": None},
        "queue_position": 0,
        "parameters": {"keep": "left", "n": 1, "output": {"format": "png"}},
        "seed": 7,
        "input": {},
        "timings": {"queue_s": None, "run_s": None, "nfe": None},
        "quality": {},
        "error": None,
        "links": {"self": "/v1/jobs/job1"},
        **changes,
    }


def problem_json(status: int, code: str, **changes: object) -> dict[str, Any]:
    """A problem as RFC 9457 wants it."""
    return {"status": status, "code": code, "title": code, "detail": f"{code} happened", **changes}


class ScriptedService(httpx.MockTransport):
    """Answers each request with the next scripted answer and keeps the requests for inspection.

    An answer is `(status, JSON)`, `(status, JSON, headers)`, a `httpx.Response`, or an exception to raise.
    """

    def __init__(self, *answers: Any) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx.Request] = []
        self._answers = deque(answers)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        status, body, *rest = answer
        headers: Mapping[str, str] = rest[0] if rest else {}
        return httpx.Response(status, json=body, headers=headers)

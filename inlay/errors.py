"""What can go wrong, as the client tells it.

InlayError
├── ConnectionFailed        the service could not be reached, or the connection broke
├── ProblemError            the service answered with a problem (RFC 9457)
│   ├── Refused             4xx: sending the same again will not help
│   │   ├── InvalidRequest  400, 413, 415, 422
│   │   ├── Unauthorized    401: no API key, or not a valid one
│   │   ├── NotFound        404
│   │   ├── Conflict        409: not in this state of the job
│   │   ├── Gone            410: expired
│   │   └── TooManyRequests 429: the queue is full, or the API key has used up its share
│   └── ServiceFailed       5xx
│       └── Unavailable     503: no live worker, or Redis is away
├── JobFailed               the job ended in `failed`
├── JobCanceled             the job ended in `canceled`
└── WaitTimeout             the job did not end in the time given
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inlay.models import Job


class InlayError(Exception):
    """Everything that this package raises."""


class ConnectionFailed(InlayError):
    """The service could not be reached, or the connection broke before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The body of an `application/problem+json` answer, or as much as the status of another answer tells."""

    status: int
    code: str
    title: str
    detail: str = ""
    pointer: str | None = None
    request_id: str | None = None
    retryable: bool = False
    retry_after_s: float | None = None


class ProblemError(InlayError):
    """The service answered with a problem; `problem` holds it."""

    def __init__(self, problem: Problem) -> None:
        where = f" (at {problem.pointer})" if problem.pointer else ""
        super().__init__(f"{problem.detail or problem.title}{where} [{problem.status} {problem.code}]")
        self.problem = problem


class Refused(ProblemError):
    """A 4xx answer."""


class InvalidRequest(Refused):
    """The request itself is wrong: a parameter, the image, the mask, or their sizes."""


class Unauthorized(Refused):
    """The service asks for an API key, or does not know (any more) the one that it got."""


class NotFound(Refused):
    """No such job."""


class Conflict(Refused):
    """The job's state does not allow this: no result yet, or already final."""


class Gone(Refused):
    """The job has expired."""


class TooManyRequests(Refused):
    """The queue is full or the API key has used up its share, even after the retries."""


class ServiceFailed(ProblemError):
    """A 5xx answer."""


class Unavailable(ServiceFailed):
    """No live worker, or the service's store is away, even after the retries."""


class JobFailed(InlayError):
    """The job ended in `failed`; `job.error` says why."""

    def __init__(self, job: Job) -> None:
        reason = f"{job.error.detail} [{job.error.code}]" if job.error else "no reason given"
        super().__init__(f"job {job.id} failed: {reason}")
        self.job = job


class JobCanceled(InlayError):
    """The job ended in `canceled`."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} was canceled")
        self.job = job


class WaitTimeout(InlayError):
    """The job goes on, but the time to wait for it is over; `job` is its last known state."""

    def __init__(self, job: Job, timeout_s: float) -> None:
        super().__init__(f"job {job.id} is still {job.state} after {timeout_s:g} s")
        self.job = job


_BY_STATUS: dict[int, type[ProblemError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    503: Unavailable,
}


def problem_error(problem: Problem) -> ProblemError:
    """The exception class that fits the problem's status."""
    fallback = ServiceFailed if problem.status >= 500 else Refused
    return _BY_STATUS.get(problem.status, fallback)(problem)

"""How often a key may submit, told in the fields of draft-ietf-httpapi-ratelimit-headers-10 (RFC 9651 lists)."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from app import problem_types
from app.problems import Problem
from app.services import Services
from jobs.rate import Quota, SubmissionRate

POLICY = "submissions"


def spend(services: Services, caller: str) -> dict[str, str]:
    """Counts a submission; returns the headers that tell what is left, none where there are no keys to count by.

    Raises:
        Problem: the key has submitted as often as it may for now.
    """
    if services.keys is None:
        return {}
    with services.metrics.counting_refusals():
        return _spend(services.rate, caller)


def _spend(rate: SubmissionRate, caller: str) -> dict[str, str]:
    quota = rate.spend(caller, uuid.uuid4().hex)
    headers = _fields(rate, quota)
    if not quota.granted:
        detail = f"{rate.jobs} submissions were sent within {rate.window_s} s."
        retry = {"Retry-After": str(quota.reset_s)}
        raise Problem(problem_types.RATE_LIMITED, detail, headers=headers | retry)
    return headers


def _fields(rate: SubmissionRate, quota: Quota) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{POLICY}";q={rate.jobs};w={rate.window_s}',
        "RateLimit": f'"{POLICY}";r={quota.remaining};t={quota.reset_s}',
    }


@contextmanager
def telling(headers: dict[str, str]) -> Iterator[None]:
    """Gives the problems that are raised inside these headers, too."""
    try:
        yield
    except Problem as problem:
        problem.headers = headers | problem.headers
        raise

"""When to send again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from inlay.calls import Call, read_problem, retry_after_s

# The service says "not now", and takes back what it had begun. If Redis went away in the middle, the job may exist all
# the same: then the call's idempotency key leads to it.
REFUSED_FOR_NOW = frozenset({429, 503})
# A gateway that lost its answer: the request may have been carried out.
LOST_ON_THE_WAY = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` sends; doubling delays with jitter, or what `Retry-After` asks for.

    A service that asks for more than `longest_delay_s` is not waited for: the error is raised at once.
    """

    attempts: int = 4
    first_delay_s: float = 0.25
    longest_delay_s: float = 30.0

    def after_response(self, call: Call, response: httpx.Response, attempt: int) -> float | None:
        """Seconds to wait before attempt `attempt + 1` (the first is 1), or `None`: take this answer."""
        again = response.status_code in REFUSED_FOR_NOW or _too_slow(response)
        again = again or (call.repeatable and response.status_code in LOST_ON_THE_WAY)
        if not again or attempt >= self.attempts:
            return None
        asked_s = retry_after_s(response)
        if asked_s is None:
            return self._backoff_s(attempt)
        return asked_s if asked_s <= self.longest_delay_s else None

    def after_failure(self, call: Call, error: httpx.TransportError, attempt: int) -> float | None:
        """The same for a connection that failed: a call that may have arrived is repeated only if harmless."""
        if attempt >= self.attempts or not (call.repeatable or never_arrived(error)):
            return None
        return self._backoff_s(attempt)

    def _backoff_s(self, attempt: int) -> float:
        full = min(self.longest_delay_s, self.first_delay_s * 2.0 ** (attempt - 1))
        return full * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret


def never_arrived(error: httpx.TransportError) -> bool:
    """Whether nothing of the request can have reached the service."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _too_slow(response: httpx.Response) -> bool:
    """Whether the service gave up on the body before it was whole: nothing was done, and the next may be faster."""
    return response.status_code == HTTPStatus.REQUEST_TIMEOUT and read_problem(response).retryable


NO_RETRIES = RetryPolicy(attempts=1)

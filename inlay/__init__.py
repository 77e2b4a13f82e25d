"""The user's hand: a typed client of the Inlay service, and the `inlay` command line."""

from inlay.async_client import AsyncClient
from inlay.client import Client
from inlay.errors import (
    Conflict,
    ConnectionFailed,
    Gone,
    InlayError,
    InvalidRequest,
    JobCanceled,
    JobFailed,
    NotFound,
    Problem,
    ProblemError,
    Refused,
    ServiceFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WaitTimeout,
)
from inlay.events import Ended, Event, Progressed, Queued, Started
from inlay.models import Deliveries, Job, Parameters, Progress
from inlay.retries import RetryPolicy

__all__ = [
    "AsyncClient",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Deliveries",
    "Ended",
    "Event",
    "Gone",
    "InlayError",
    "InvalidRequest",
    "Job",
    "JobCanceled",
    "JobFailed",
    "NotFound",
    "Parameters",
    "Problem",
    "ProblemError",
    "Progress",
    "Progressed",
    "Queued",
    "Refused",
    "RetryPolicy",
    "ServiceFailed",
    "Started",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "WaitTimeout",
]

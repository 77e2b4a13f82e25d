"""The user's hand: a typed client of the Inlay service, and the `inlay` command line."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # true for whoever checks types, as typing's; that module takes long to be imported

if TYPE_CHECKING:
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
    from inlay.models import Deliveries, Input, Job, Progress, Result
    from inlay.parameters import DrawnParameters, InpaintParameters, Parameters, SeamParameters
    from inlay.retries import RetryPolicy

__all__ = [
    "AsyncClient",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Deliveries",
    "DrawnParameters",
    "Ended",
    "Event",
    "Gone",
    "InlayError",
    "InpaintParameters",
    "Input",
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
    "Result",
    "RetryPolicy",
    "SeamParameters",
    "ServiceFailed",
    "Started",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "WaitTimeout",
]

_MODULES = ("async_client", "client", "errors", "events", "models", "parameters", "retries")

if not TYPE_CHECKING:  # who checks types shall not believe that the package has whatever is asked for

    def __getattr__(name: str) -> object:
        """What `__all__` names, imported when it is first asked for.

        The command imports this package first, and must be there to catch a Ctrl-C while the rest is imported.
        """
        if name in __all__:
            for module in _MODULES:
                found = vars(import_module(f"inlay.{module}"))
                if name in found:
                    globals()[name] = found[name]
                    return found[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

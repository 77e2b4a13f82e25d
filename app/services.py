"""What the routes work with: one value, made at start, handed to every request."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from app.following import Following
from app.key_file import KeyFile
from app.metrics import ApiMetrics
from app.outbound.caller import Outbound
from app.places import Outlook, Places, Twins
from app.task_files import MOST_FILES
from jobs.blobs import BlobStore, open_blobs
from jobs.connect import RedisClient, connect
from jobs.deliveries import DeliveryBook
from jobs.events import EventLog
from jobs.listing import CallerJobs
from jobs.memory import MemoryGauge
from jobs.open_tracing import open_tracing
from jobs.queue import JobQueue
from jobs.rate import SubmissionRate
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.tracing import Tracing
from jobs.uploads import Uploads
from jobs.webhook_secrets import read_secret
from jobs.workers import Glance, WorkerRegistry

REDIS_THREADS, BLOB_THREADS = 32, 16

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Services:
    """The job store and its neighbours, and the threads in which they may block.

    `keys` is None where everybody is the same caller; `stopping` answers whether the server wants to end, so that long
    polls let go. `base_path` is the prefix under which a proxy serves the API.
    """

    settings: Settings
    redis: RedisClient
    store: JobStore
    queue: JobQueue
    blobs: BlobStore
    workers: WorkerRegistry
    glance: Glance
    memory: MemoryGauge
    listing: CallerJobs
    rate: SubmissionRate
    uploads: Uploads
    keys: KeyFile | None
    events: EventLog
    metrics: ApiMetrics
    tracing: Tracing
    deliveries: DeliveryBook
    outbound: Outbound
    decoding: anyio.CapacityLimiter
    storing: anyio.CapacityLimiter
    shelving: anyio.CapacityLimiter
    fetching: anyio.CapacityLimiter
    submitting: Places
    twins: Twins = field(default_factory=Twins)
    outlook: Outlook = field(default_factory=Outlook)
    started_at: float = field(default_factory=time.time)
    stopping: Callable[[], bool] = bool
    base_path: str = ""
    following: Following = field(init=False)

    def __post_init__(self) -> None:
        self.following = Following(self.events, lambda: self.stopping())

    def webhook_secrets(self, caller: str) -> list[bytes]:
        """The secrets that sign a caller's webhooks; where there are no keys, the setting's."""
        if self.keys is not None:
            return self.keys.webhook_secrets_of(caller)
        secret = self.settings.webhook_secret
        return [] if secret is None else [read_secret(secret.get_secret_value())]

    async def stored(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls something that waits for Redis, off the event loop; it is never left half-way."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self.storing)

    async def shelved(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls something that moves pictures; in threads of its own, so that slow blobs leave Redis to the others."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self.shelving)

    async def decoded(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls something that works on pixels, in one of a few threads; the others wait their turn."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self.decoding)


def fetches_at_once(settings: Settings) -> int:
    """Requests whose pictures may be fetched at the same time: as many as fit into the memory for uploads."""
    return max(1, settings.max_inflight_bytes // (MOST_FILES * settings.max_upload_bytes))


def open_services(settings: Settings) -> Services:
    """Connects to nothing yet: Redis is asked at the first request. Raises `KeyFileUnusable`, `TracingUnavailable`."""
    redis = connect(settings, retries=1)
    workers = WorkerRegistry(redis)
    return Services(
        settings=settings,
        redis=redis,
        store=JobStore(redis, settings),
        queue=JobQueue(redis, settings),
        blobs=open_blobs(settings, redis),
        workers=workers,
        glance=Glance(workers),
        memory=MemoryGauge(redis),
        listing=CallerJobs(redis),
        rate=SubmissionRate(redis, jobs=settings.rate_limit_jobs, window_s=settings.rate_window_s),
        uploads=Uploads(redis),
        keys=KeyFile(settings.api_keys_file) if settings.api_keys_file is not None else None,
        events=EventLog(redis),
        metrics=ApiMetrics(settings),
        tracing=open_tracing(settings, "inlay-api"),
        deliveries=DeliveryBook(redis),
        outbound=Outbound(settings),
        decoding=anyio.CapacityLimiter(settings.decode_threads),
        storing=anyio.CapacityLimiter(REDIS_THREADS),
        shelving=anyio.CapacityLimiter(BLOB_THREADS),
        fetching=anyio.CapacityLimiter(fetches_at_once(settings)),
        submitting=Places(settings.max_inflight_submissions),
    )


async def _services(request: Request) -> Services:  # async: a plain function would be called in a thread
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]
"""Parameter type by which a route asks for the services."""

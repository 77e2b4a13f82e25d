"""Problems of the service itself."""

from app.problem_types.kind import define

QUEUE_FULL = define(
    "queue_full",
    429,
    "The queue is full",
    cause="As many jobs wait, or as many bytes of pictures of unfinished jobs are kept, as may (`max_queue_depth` and "
    "`max_queue_bytes` of `GET /v1/limits`), or the job store is nearly full.",
    cure="Send it again after Retry-After.",
    retryable=True,
)
NO_WORKER = define(
    "no_worker",
    503,
    "No worker is there",
    cause="No warmed-up worker has been seen; jobs would wait for nobody.",
    cure="Start a worker, or send it again later.",
    retryable=True,
)
STORAGE_UNAVAILABLE = define(
    "storage_unavailable",
    503,
    "The job store cannot be reached",
    cause="Redis, or the place where pictures are kept, does not answer.",
    cure="Send it again later; the operator should look at Redis and at `INLAY_BLOBS_URL`.",
    retryable=True,
)
OVERLOADED = define(
    "overloaded",
    503,
    "Too many uploads at once",
    cause="More uploads have arrived than the service can check soon, or they fill the memory set aside for them.",
    cure="Send it again after Retry-After.",
    retryable=True,
)
INTERNAL_ERROR = define(
    "internal_error",
    500,
    "Something went wrong in the service",
    cause="A fault of the service, not of the request; it is in the service's log under `request_id`.",
    cure="Tell the operator the `request_id`.",
)

"""Problems of who calls, and how often."""

from app.problem_types.kind import define

UNAUTHORIZED = define(
    "unauthorized",
    401,
    "A valid API key is needed",
    cause="The header `Authorization: Bearer` is missing, or its key is unknown or no longer valid.",
    cure="Send the key that the operator made for you with `inlay keys new`.",
)
HOST_REFUSED = define(
    "host_refused",
    403,
    "The service has another name",
    cause="There are no API keys, and `Host` is neither loopback nor a name in `INLAY_ALLOWED_HOSTS`.",
    cure="Call it as `localhost` or `127.0.0.1`; the operator can add names to `INLAY_ALLOWED_HOSTS`.",
)
ORIGIN_REFUSED = define(
    "origin_refused",
    403,
    "A page of another origin may not ask for this",
    cause="A browser asks for a page whose origin `INLAY_CORS_ORIGINS` does not name, or for more than pages may.",
    cure="Serve page and service under one origin, or let the operator name the page's in `INLAY_CORS_ORIGINS`.",
)
IDEMPOTENCY_KEY_REUSED = define(
    "idempotency_key_reused",
    422,
    "The idempotency key stands for another submission",
    cause="Other parameters or files were submitted under this `Idempotency-Key` before.",
    cure="Make a new key for every new job; use it again only to repeat the same submission.",
)
RATE_LIMITED = define(
    "rate_limited",
    429,
    "Too many submissions",
    cause="This API key has submitted as often as it may within the time that `RateLimit-Policy` tells.",
    cure="Send it again after Retry-After; the header `RateLimit` tells what is left.",
    retryable=True,
)
TOO_MANY_ACTIVE_JOBS = define(
    "too_many_active_jobs",
    429,
    "Too many jobs at the same time",
    cause="As many jobs of this API key are queued or running as may (`max_active_jobs` of `GET /v1/limits`).",
    cure="Wait for one to end, or cancel one; then send it again.",
    retryable=True,
)

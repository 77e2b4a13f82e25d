"""The connection to Redis, made in one way by all processes."""

from __future__ import annotations

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from jobs.settings import Settings

RedisClient = Redis
"""Client with bytes in its answers, as RQ needs it."""


REDIS_AWAY = (redis_errors.ConnectionError, redis_errors.TimeoutError)
"""What a command raises while Redis is down, restarting, or loading its data."""


def text(raw: object) -> str:
    """What Redis answers as text; its stubs do not say that our client always answers bytes."""
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def connect(settings: Settings, *, retries: int = 3) -> RedisClient:
    """A client for the configured Redis; nothing is sent until the first command.

    A command that fails for lack of a connection is sent again up to `retries` times within about
    a second. All our writes may be repeated: transitions carry a token, an entry that is on the
    queue twice is refused the second time.
    """
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=settings.redis_timeout_s,
        socket_connect_timeout=settings.redis_timeout_s,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries),
        retry_on_error=list(REDIS_AWAY),
    )

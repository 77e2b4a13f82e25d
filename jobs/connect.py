"""The connection to Redis, made in one way by all processes."""

from __future__ import annotations

import re
from typing import Any

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from jobs.sentinel import connect_through_sentinels, is_sentinel
from jobs.settings import Settings

RedisClient = Redis
"""Client with bytes in its answers, as RQ needs it."""


REDIS_AWAY = (redis_errors.ConnectionError, redis_errors.TimeoutError)
"""What a command raises while Redis is down, restarting, or loading its data."""

REDIS_FULL = redis_errors.OutOfMemoryError
"""What a command that needs room raises while Redis holds `maxmemory`; nothing of it has been done."""

_REFUSED = (redis_errors.OutOfMemoryError, redis_errors.ReadOnlyError, redis_errors.MasterDownError)
_REFUSED_CODE = re.compile(r"(^|[\s-])(OOM|READONLY|MISCONF|NOREPLICAS|MASTERDOWN|BUSY) ")
"""The same and more as text: some codes have no class, and errors out of a script carry theirs in the message."""


def redis_away(error: BaseException) -> bool:
    """Whether a command failed for a reason that passes.

    Redis is not there, or takes no writes for now: its memory or its disk is full, or it is a replica.
    """
    if isinstance(error, (*REDIS_AWAY, *_REFUSED)):
        return True
    return isinstance(error, redis_errors.ResponseError) and _REFUSED_CODE.search(str(error)) is not None


def text(raw: object) -> str:
    """What Redis answers as text; its stubs do not say that our client always answers bytes.

    Bytes that are no UTF-8 are none of ours and come out escaped: whoever left them there shall not stop who reads on.
    """
    return raw.decode(errors="backslashreplace") if isinstance(raw, bytes) else str(raw)


def connect(settings: Settings, *, retries: int = 3) -> RedisClient:
    """A client for the configured Redis; nothing is sent until the first command.

    A command that fails for lack of a connection is sent again up to `retries` times within about
    a second. All our writes may be repeated: transitions carry a token, an entry that is on the
    queue twice is refused the second time. A password in the address goes before that of `redis_password_file`.

    Raises `OSError` if that file cannot be read, `SentinelAddressUnusable`.
    """
    file, url = settings.redis_password_file, settings.redis_url.get_secret_value()
    options: dict[str, Any] = {
        "password": file.read_text().strip() if file is not None else None,
        "socket_timeout": settings.redis_timeout_s,
        "socket_connect_timeout": settings.redis_timeout_s,
        "health_check_interval": 30,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries),
        "retry_on_error": list(REDIS_AWAY),
    }
    return connect_through_sentinels(url, options) if is_sentinel(url) else Redis.from_url(url, **options)

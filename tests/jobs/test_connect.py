"""Which of Redis's refusals pass by themselves, asked of a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from jobs.connect import RedisClient, redis_away


def error_of(command: Callable[[], object]) -> RedisError:
    with pytest.raises(RedisError) as caught:
        command()
    return caught.value


def in_script(redis: RedisClient) -> Callable[[], object]:
    return lambda: redis.register_script("return redis.call('SET', KEYS[1], 1)")(keys=["key"])


def in_transaction(redis: RedisClient) -> Callable[[], object]:
    def write() -> None:
        with redis.pipeline(transaction=True) as pipe:
            pipe.set("key", 1)
            pipe.expire("key", 1)
            pipe.execute()

    return write


def test_full_memory_passes(redis: RedisClient) -> None:
    redis.config_set("maxmemory", 1)
    try:
        for command in (lambda: redis.set("key", 1), in_script(redis), in_transaction(redis)):
            assert redis_away(error_of(command))
    finally:
        redis.config_set("maxmemory", 0)


def test_replica_that_becomes_a_master_again_passes(redis: RedisClient) -> None:
    redis.replicaof("127.0.0.1", "1")
    try:
        for command in (lambda: redis.set("key", 1), in_script(redis), in_transaction(redis)):
            assert redis_away(error_of(command))
    finally:
        redis.replicaof("NO", "ONE")


def test_full_disk_and_no_connection_pass() -> None:
    assert redis_away(ResponseError("MISCONF Redis is configured to save RDB snapshots, but it is unable to persist"))
    assert redis_away(RedisConnectionError())


def test_mistakes_do_not_pass(redis: RedisClient) -> None:
    redis.set("key", "text")
    assert not redis_away(error_of(lambda: redis.lpush("key", 1)))
    assert not redis_away(error_of(lambda: redis.eval("return nosuch", 0)))
    assert not redis_away(ValueError("OOM "))

"""Lua scripts behind `JobStore`; each is one atomic step on the server.

A record is a hash whose values are JSON; so the state `queued` is stored with its quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import exceptions as redis_errors

from jobs.connect import REDIS_FULL, RedisClient
from jobs.delivery_scripts import DUE
from jobs.upload_scripts import RELEASE


class Script:
    """A script on the server; when Redis has no room, it does nothing at all and raises what plain commands raise."""

    def __init__(self, redis: RedisClient, source: str) -> None:
        self._call = redis.register_script(source)

    def __call__(self, *, keys: Sequence[str], args: Sequence[Any]) -> Any:  # noqa: ANN401  # each script has its own
        """What the script answers. Raises `RedisError`, of it `REDIS_FULL`."""
        try:
            return self._call(keys=keys, args=args)
        except redis_errors.ResponseError as error:
            if "OOM command not allowed" in str(error):  # Redis 6 wraps it into an error of the script
                raise REDIS_FULL(str(error)) from error
            raise


LAST_FIELD = "_last"
"""Holds the token of the last transition: a repeated one is recognised and succeeds again."""

ANNOUNCE = """
local MOST_EVENTS = 512
local function append(record, events, ...)
  redis.call('XADD', events, 'MAXLEN', '~', MOST_EVENTS, '*', ...)
  redis.call('PEXPIRE', events, math.max(redis.call('PTTL', record), 1))
end
local function announce(record, events, name)
  local found = redis.call('HMGET', record, 'attempt', 'error')
  local data = '{"attempt":' .. (found[1] or 'null')
  if name == 'failed' and found[2] then data = data .. ',"error":' .. found[2] end
  append(record, events, 'event', name, 'data', data .. '}')
end
"""
"""Adds an event to a job's stream in the same atomic step as the change of its record, from which it is read.

So it is never ahead of the record, never lost and never told twice, and lives exactly as long. Called last: once a
script has written, Redis lets it finish even if there is no room. A stream keeps at least 512 events, five attempts of
a hundred steps.
"""

CREATE = (
    ANNOUNCE
    + """
local made_at = redis.call('HGET', KEYS[1], 'created_at')
if made_at then return made_at == ARGV[6] and 1 or 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5])
announce(KEYS[1], KEYS[4], 'queued')
return 1
"""
)

TRANSITION = (
    ANNOUNCE
    + DUE
    + RELEASE
    + """
local id, to, token, expected = ARGV[1], ARGV[2], ARGV[3], ',' .. ARGV[4] .. ','
local attempt, ttl_s, final, worker = ARGV[5], ARGV[6], ARGV[7] == '1', ARGV[8]
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'', 'missing'} end
state = cjson.decode(state)
if redis.call('HGET', KEYS[1], '_last') == token then return {state, 'done'} end
if not string.find(expected, ',' .. state .. ',', 1, true) then return {state, 'state'} end
if attempt ~= '' and redis.call('HGET', KEYS[1], 'attempt') ~= attempt then return {state, 'attempt'} end
if worker ~= '' and redis.call('HGET', KEYS[1], 'worker') ~= worker then return {state, 'worker'} end
if to == 'succeeded' and redis.call('HGET', KEYS[1], 'cancel_requested') == 'true' then
  return {state, 'cancel_requested'}
end
redis.call('HSET', KEYS[1], 'state', cjson.encode(to), '_last', token, unpack(ARGV, 9))
redis.call('EXPIRE', KEYS[1], ttl_s)
if final then
  redis.call('ZREM', KEYS[2], id)
  release(KEYS[6], id)
  due(KEYS[1], KEYS[4], KEYS[5], id, to)
end
announce(KEYS[1], KEYS[3], to == 'running' and 'started' or to)
return {to, 'done'}
"""
)

PROGRESS = """
if redis.call('HGET', KEYS[1], 'state') ~= '"running"' then return 0 end
if redis.call('HGET', KEYS[1], 'attempt') ~= ARGV[1] then return 0 end
if ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'worker') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
return 1
"""

CANCEL = (
    ANNOUNCE
    + DUE
    + RELEASE
    + """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return '' end
if state == '"queued"' then
  redis.call('HSET', KEYS[1], 'state', '"canceled"', 'finished_at', ARGV[2], 'cancel_requested', 'true')
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  redis.call('ZREM', KEYS[2], ARGV[1])
  release(KEYS[6], ARGV[1])
  due(KEYS[1], KEYS[4], KEYS[5], ARGV[1], 'canceled')
  announce(KEYS[1], KEYS[3], 'canceled')
  return 'canceled'
end
if state == '"running"' and redis.call('HGET', KEYS[1], 'cancel_requested') ~= 'true' then
  redis.call('HSET', KEYS[1], 'cancel_requested', 'true', 'cancel_requested_at', ARGV[2])
end
return cjson.decode(state)
"""
)

ANNOUNCE_PROGRESS = (
    ANNOUNCE
    + """
if redis.call('HGET', KEYS[1], 'state') ~= '"running"' then return 0 end
if redis.call('HGET', KEYS[1], 'attempt') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'worker') ~= ARGV[2] then return 0 end
append(KEYS[1], KEYS[2], 'event', 'progress', 'data', ARGV[3], 'preview', ARGV[4])
return 1
"""
)

ANNOUNCE_DELETED = """
local time = redis.call('TIME')
local later = string.format('%.0f-0', time[1] * 1000 + math.floor(time[2] / 1000) + 1)
redis.call('XADD', KEYS[1], later, 'event', 'canceled', 'data', '{"attempt":null}')
redis.call('EXPIRE', KEYS[1], 60)
return 1
"""
"""The stream is a new one: its only id must be greater than all that the deleted one had."""

BEAT = """
local time = redis.call('TIME')
local now, ttl_ms = tonumber(time[1]) + tonumber(time[2]) / 1000000, tonumber(ARGV[3])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ttl_ms)
redis.call('SET', KEYS[2], tostring(now), 'EX', ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZADD', KEYS[3], now + ttl_ms / 1000, ARGV[1])
redis.call('PEXPIRE', KEYS[3], math.max(ttl_ms, 60000))
return 1
"""

SERVICE_TIME = """
local old, new = redis.call('GET', KEYS[1]), tonumber(ARGV[1])
if old then new = 0.8 * tonumber(old) + 0.2 * new end
redis.call('SET', KEYS[1], tostring(new), 'EX', ARGV[2])
return tostring(new)
"""

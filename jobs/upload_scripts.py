"""Parts of Lua scripts that count the bytes of uploads; no more than strings, so that every script can have them.

One hash has each job's bytes, so that a job is released once, however often it ends, their `total`, and the second in
which the jobs were last looked at (`settled`). No id is so short as these two.
"""

from __future__ import annotations

HOLD = """
local function hold(uploads, id, bytes, ttl_s)
  if bytes == 0 then return end
  redis.call('HSET', uploads, id, bytes)
  redis.call('HINCRBY', uploads, 'total', bytes)
  redis.call('HINCRBY', uploads, 'settled', 0)
  redis.call('EXPIRE', uploads, ttl_s)
end
"""

RELEASE = """
local function release(uploads, id)
  local bytes = redis.call('HGET', uploads, id)
  if not bytes then return end
  redis.call('HDEL', uploads, id)
  if redis.call('HLEN', uploads) > 2 then
    redis.call('HINCRBY', uploads, 'total', -bytes)
  else
    redis.call('DEL', uploads)
  end
end
"""
"""Called after a write, when Redis lets a script finish even if there is no room."""

SETTLE = (
    RELEASE
    + """
local function release_ended(uploads, records)
  local second = redis.call('TIME')[1]
  if redis.call('HGET', uploads, 'settled') == second then return end
  redis.pcall('HSET', uploads, 'settled', second)
  for _, id in ipairs(redis.call('HKEYS', uploads)) do
    local state = redis.call('HGET', records .. id, 'state')
    if #id >= 8 and state ~= '"queued"' and state ~= '"running"' then release(uploads, id) end
  end
end
local function settle(uploads, records, at_most)
  local function held() return tonumber(redis.call('HGET', uploads, 'total') or '0') end
  if held() > at_most then release_ended(uploads, records) end
  return held(), math.max(0, redis.call('HLEN', uploads) - 2)
end
"""
)
"""Bytes and jobs that are held. Where that is too much, jobs that have ended without a word are released before: their
record has expired, or a worker of a version that does not count has ended them. All jobs are looked at for that, so not
more often than once a second."""

HELD = SETTLE + "return {settle(KEYS[1], ARGV[1], tonumber(ARGV[2]))}"

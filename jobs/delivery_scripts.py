"""Lua scripts behind webhooks; each is one atomic step on the server, right for any number of processes.

A job has one final state and so one webhook, named by the job's id. Only Redis's clock counts.
"""

from __future__ import annotations

from jobs.upload_scripts import RELEASE

KEPT_LONGER_S = 600
"""Beyond the time of retries: the last attempt, and its lease."""


def kept_s(give_up_s: int) -> int:
    """Seconds that what a webhook tells is kept when its job is deleted."""
    return give_up_s + KEPT_LONGER_S


_NOW = """
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end
"""

DUE = (
    _NOW
    + """
local function due(record, deliveries, delivery, id, state)
  local read, spec = pcall(cjson.decode, redis.call('HGET', record, 'spec') or '')
  local url = read and type(spec) == 'table' and spec.webhook_url
  if type(url) ~= 'string' then return false end
  local made_at, receiver = now(), string.lower(string.match(url, '^%w+://([^/?#]*)') or url)
  redis.call('HSET', delivery, 'event', 'job.' .. state, 'url', url, 'receiver', receiver, 'state', 'pending',
    'attempts', 0, 'made_at', string.format('%.3f', made_at))
  redis.call('PEXPIRE', delivery, math.max(redis.call('PTTL', record), 1))
  redis.call('ZADD', deliveries, made_at, id)
  return true
end
"""
)
"""Makes a job's webhook due in the same atomic step as its final state: never lost, never made twice. Called after a
write, when Redis lets a script finish even if there is no room."""

DELETE = (
    DUE
    + RELEASE
    + """
local id, told = ARGV[1], ARGV[2] == '1'
local was, state = redis.call('HGETALL', KEYS[1]), redis.call('HGET', KEYS[1], 'state')
redis.call('DEL', KEYS[3], KEYS[7], KEYS[8])
redis.pcall('ZREM', KEYS[2], id)
release(KEYS[6], id)
if not told then
  redis.call('ZREM', KEYS[4], id)
  redis.call('DEL', KEYS[5])
elseif state == '"queued"' or state == '"running"' then
  if due(KEYS[1], KEYS[4], KEYS[5], id, 'canceled') then
    redis.call('HSET', KEYS[1], 'state', '"canceled"', 'finished_at', ARGV[3])
  end
end
if told and state then
  if redis.call('ZSCORE', KEYS[4], id) then
    redis.call('RENAME', KEYS[1], KEYS[9])
    redis.call('EXPIRE', KEYS[9], ARGV[4])
    redis.call('EXPIRE', KEYS[5], ARGV[4])
  else
    redis.call('DEL', KEYS[5])
  end
end
redis.call('DEL', KEYS[1])
return was
"""
)
"""Deletes first what makes room, so that it also works when Redis is full; an index that is damaged is no obstacle."""

_LOG = """
local function log(record, list, entry)
  local ttl_ms = redis.call('PTTL', record)
  if ttl_ms <= 0 then return end
  redis.call('RPUSH', list, cjson.encode(entry))
  redis.call('LTRIM', list, -100, -1)
  redis.call('PEXPIRE', list, ttl_ms)
end
"""

TAKE = (
    _NOW
    + _LOG
    + """
local ask, at = cjson.decode(ARGV[1]), now()
local taken, busy = {}, ask.busy
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at, 'LIMIT', 0, ask.looked_at)) do
  if #taken >= ask.most then break end
  local delivery = ask.deliveries .. id
  local found = redis.call('HMGET', delivery, 'event', 'url', 'receiver', 'attempts', 'made_at', 'open')
  if not found[1] then
    redis.call('ZREM', KEYS[1], id)
  elseif found[6] and at - tonumber(found[5]) > ask.give_up_s then
    redis.call('HSET', delivery, 'state', 'given_up')
    redis.call('ZREM', KEYS[1], id)
    redis.call('DEL', ask.departed .. id)
  elseif (busy[found[3]] or 0) >= ask.most_each then
    redis.call('ZADD', KEYS[1], at + ask.defer_s, id)
  else
    busy[found[3]] = (busy[found[3]] or 0) + 1
    local attempt = tonumber(found[4]) + 1
    if found[6] then
      log(ask.records .. id, ask.logs .. id, {attempt = attempt - 1, at = tonumber(found[6]), error = 'interrupted'})
    end
    redis.call('HSET', delivery, 'attempts', attempt, 'token', ask.token, 'open', string.format('%.3f', at))
    redis.call('ZADD', KEYS[1], at + ask.lease_s, id)
    table.insert(taken, {id, found[1], found[2], found[3], tostring(attempt), found[5], string.format('%.3f', at)})
  end
end
return taken
"""
)
"""Leases what is due: its place moves to the end of the lease, when it is taken again if nobody has settled it. What
goes to a receiver that has its share of this process already makes room for the others. What is too old and was never
settled, as it kills its processes or no version can read it, is given up."""

SETTLE = (
    _NOW
    + _LOG
    + """
local found = redis.call('HMGET', KEYS[2], 'token', 'open')
if found[1] ~= ARGV[2] or not found[2] then return 0 end
redis.call('HDEL', KEYS[2], 'open')
log(KEYS[3], KEYS[4], cjson.decode(ARGV[3]))
redis.call('HSET', KEYS[2], 'state', ARGV[4])
if ARGV[4] == 'pending' then
  redis.call('ZADD', KEYS[1], now() + tonumber(ARGV[5]), ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[5])
end
return 1
"""
)
"""Ends an attempt, once, and only if its lease was not taken over."""

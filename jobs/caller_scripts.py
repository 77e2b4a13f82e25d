"""Lua scripts that keep a caller's books; each is one atomic step on the server, right for any number of processes."""

from __future__ import annotations

from jobs import scripts
from jobs.turns import PLACING
from jobs.upload_scripts import HOLD, SETTLE

ADMITTING = (
    HOLD
    + SETTLE
    + """
local function admit(more)
local id, made_at = ARGV[1], redis.call('HGET', KEYS[1], 'created_at')
if made_at then return {made_at == ARGV[6] and 'again' or 'exists', id} end
if more.fingerprint ~= '' then
  local known = redis.call('HMGET', more.claim, 'fingerprint', 'job')
  if known[2] and redis.call('EXISTS', more.records .. known[2], more.tombstones .. known[2]) > 0 then
    return {known[1] == more.fingerprint and 'repeated' or 'reused', known[2]}
  end
end
if more.max_waiting > 0 then
  local waiting = redis.call('LLEN', more.waiting)
  if waiting >= more.max_waiting then return {'long', id, waiting} end
end
if more.max_bytes > 0 and more.bytes > 0 then
  local bytes, jobs = settle(more.uploads, more.records, more.max_bytes - more.bytes)
  if bytes > 0 and bytes + more.bytes > more.max_bytes then return {'large', id, bytes, jobs} end
end
if more.max_active > 0 and redis.call('SCARD', more.active) >= more.max_active then
  for _, job in ipairs(redis.call('SMEMBERS', more.active)) do
    local state = redis.call('HGET', more.records .. job, 'state')
    if state ~= '"queued"' and state ~= '"running"' then redis.call('SREM', more.active, job) end
  end
  if redis.call('SCARD', more.active) >= more.max_active then return {'busy', id} end
end
local function create()
"""
    + scripts.CREATE
    + """
end
create()
hold(more.uploads, id, more.bytes, more.uploads_ttl_s)
for _, blob in ipairs(more.blobs) do redis.call('EXPIRE', blob, more.uploads_ttl_s) end
local time, newest = redis.call('TIME'), redis.call('ZREVRANGE', more.jobs, 0, 0, 'WITHSCORES')
local place = tonumber(time[1]) * 1000000 + tonumber(time[2])
if newest[2] then place = math.max(place, tonumber(newest[2]) + 1) end
redis.call('ZADD', more.jobs, string.format('%.0f', place), id)
redis.call('EXPIRE', more.jobs, more.caller_ttl_s)
for _, job in ipairs(redis.call('ZRANGE', more.jobs, 0, 1)) do
  if redis.call('EXISTS', more.records .. job) == 0 then redis.call('ZREM', more.jobs, job) end
end
if more.max_active > 0 then
  redis.call('SADD', more.active, id)
  redis.call('EXPIRE', more.active, more.caller_ttl_s)
end
if more.fingerprint ~= '' then
  redis.call('HSET', more.claim, 'fingerprint', more.fingerprint, 'job', id)
  redis.call('EXPIRE', more.claim, more.claim_ttl_s)
end
return {'done', id}
end
"""
)
"""What `scripts.CREATE` does, for a caller who may, where there is room: `more` has the names and limits of the books.

Active jobs are counted when they are full: those that have ended since, however they did, are taken off then. Places on
the caller's list are microseconds, each greater than the one before; its two oldest entries are looked at each time,
so that expired ones do not pile up. An upload of more bytes than all may have is taken when there is no other. Pictures
that Redis keeps, stored for a while before, are kept as long as the job from here on."""

ADMIT = ADMITTING + "return admit(cjson.decode(table.remove(ARGV)))"

ENTER = (
    ADMITTING
    + PLACING
    + """
local more = cjson.decode(table.remove(ARGV))
local commands = {}
for number = #more.sizes, 1, -1 do
  commands[number] = {}
  for part = more.sizes[number], 1, -1 do commands[number][part] = table.remove(ARGV) end
end
local answer = admit(more)
if answer[1] == 'done' then
  for _, command in ipairs(commands) do redis.call(unpack(command)) end
  answer[3] = place({unpack(KEYS, 5, 9)}, answer[2], more.turn)
elseif answer[1] == 'again' then
  answer[3] = redis.call('LPOS', KEYS[5], answer[2])
else
  return answer
end
answer[4] = redis.call('GET', KEYS[10])
return answer
"""
)
"""Admits a job, does RQ's own commands that put it on the queue, and moves it to its place: all of it or nothing.

Tells how many jobs are before it, and the measured service time."""

SPEND = """
local time = redis.call('TIME')
local now, quota, window = tonumber(time[1]) + tonumber(time[2]) / 1000000, tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local granted = redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0
local used = redis.call('ZCARD', KEYS[1])
if granted == 0 and used < quota then
  redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1000))
  granted, used = 1, used + 1
end
local first = math.max(0, used - quota)
local next_to_leave = redis.call('ZRANGE', KEYS[1], first, first, 'WITHSCORES')[2]
return {granted, math.max(0, quota - used), math.max(1, math.ceil(tonumber(next_to_leave) + window - now))}
"""
"""Counts what was granted in the window that ends now. After the quota has been lowered there may be more than it: then
the time that is answered is that of the entry whose leaving makes room."""

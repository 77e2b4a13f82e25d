"""Whose turn it is: jobs wait in an order that shares the workers equally between callers.

Start-time fair queueing (Goyal, Vin and Cheng 1996): a job's tag is the virtual time at which its caller's turn comes,
the later of the queue's own time and of the end of the caller's last job; its cost is the network evaluations that it
asks for. The list that RQ serves is kept in the order of the tags, so nothing stands between it and the workers that
could die, and whoever lists the queue sees the order in which it is served.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from redis.client import Pipeline

from jobs import keys
from jobs.connect import RedisClient
from jobs.record import JobRecord
from jobs.scripts import Script
from jobs.spec import AnySpec

PLACING = """
local function place(books, id, turn)
  local waiting, tags, owners, now, callers = unpack(books)
  local caller, urgent = turn.caller, turn.urgent
  if redis.call('LREM', waiting, -1, id) == 0 then return false end
  local length, behind, step = redis.call('LLEN', waiting), 0, 1
  if length == 0 then redis.call('DEL', tags, owners, callers) end
  local time = tonumber(redis.call('GET', now) or '0')
  local start = math.max(time, tonumber(redis.call('HGET', callers, caller) or '0'))
  local before
  while not before and behind < length do
    local ids = redis.call('LRANGE', waiting, -behind - step, -behind - 1)
    local found = redis.call('HMGET', tags, unpack(ids))
    for i = #ids, 1, -1 do
      if not found[i] or tonumber(found[i]) <= start then
        before = ids[i]
        break
      end
      behind = behind + 1
    end
    step = 64
  end
  if behind == 0 then
    redis.call('RPUSH', waiting, id)
  elseif before then
    redis.call('LINSERT', waiting, 'AFTER', before, id)
  else
    redis.call('LPUSH', waiting, id)
  end
  local mine = string.format('%.17g', start)
  redis.call('HSET', tags, id, mine)
  redis.call('HSET', owners, id, (urgent and '1' or '0') .. caller)
  redis.call('HSET', callers, caller, string.format('%.17g', start + turn.cost))
  redis.call('SET', now, string.format('%.17g', time))
  for _, key in ipairs(books) do
    if key ~= waiting then redis.call('EXPIRE', key, turn.ttl_s) end
  end
  if not urgent then return length - behind end
  local ids = redis.call('LRANGE', waiting, 0, -1)
  local owner = {}
  for first = 1, #ids, 1000 do
    local some = {}
    for i = first, math.min(first + 999, #ids) do some[#some + 1] = ids[i] end
    for i, value in ipairs(redis.call('HMGET', owners, unpack(some))) do owner[first + i - 1] = value end
  end
  local carried, ahead = id, false
  for i, other in ipairs(ids) do
    if owner[i] == '0' .. caller or other == id then
      ahead = ahead or i - 1
      local place = other == id and mine or redis.call('HGET', tags, other)
      redis.call('LSET', waiting, i - 1, carried)
      redis.call('HSET', tags, carried, place)
      if other == id then break end
      carried = other
    end
  end
  return ahead
end
"""
"""Moves a job from the end of the list to its place, and tells how many are before it; false if it was not there.

With an empty list all callers are level again. An urgent job takes the first place that an ordinary one of its
caller holds, and those move one place on: the caller's places stay, only who stands in them changes. Foreign entries
and those that were put to the front have no tag and are never overtaken."""

PLACE = PLACING + "return place(KEYS, ARGV[1], cjson.decode(ARGV[2])) and 1 or 0"

TAKEN = """
local tag = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if not tag then return 0 end
if tonumber(tag) > tonumber(redis.call('GET', KEYS[3]) or '0') then redis.call('SET', KEYS[3], tag, 'KEEPTTL') end
return 1
"""


@dataclass(frozen=True)
class Turn:
    """On whose account a job is, what it costs in network evaluations, and whether it goes before its caller's."""

    caller: str
    cost: float = 1.0
    urgent: bool = False

    @classmethod
    def of(cls, record: JobRecord) -> Turn:
        """The turn of a new job."""
        return cls(record.caller, float(evaluations(record.spec)), record.spec.priority == "high")


def evaluations(spec: AnySpec) -> int:
    """The network evaluations that a job asks for, of all its pictures, a guided one counted twice.

    Told from the request alone: a correction that finds nothing to correct is not made, and in half precision one may
    take an evaluation more.
    """
    if spec.task == "generate" or spec.inner_steps == 0:
        a_step = 1  # nothing to meet, or nothing done about it
    elif spec.solver == "newton":
        a_step = 1 + 2 * spec.inner_steps
    else:
        a_step = 2
    rows = 1 if spec.guidance_scale == 1 else 2
    return spec.n * spec.steps * a_step * rows


class Turns:
    """Orders one of RQ's lists. Every operation is one atomic step on the server, right for any number of processes."""

    def __init__(self, redis: RedisClient, queue_key: str, *, ttl_s: int) -> None:
        self._ttl_s = ttl_s
        names = ("tags", "owners", "now", "callers")
        self._tags, self._owners, self._now, self._callers = (keys.turns(queue_key, name) for name in names)
        self.books = [queue_key, self._tags, self._owners, self._now, self._callers]
        """Names of what `PLACING` works on."""
        self._place, self._taken = Script(redis, PLACE), Script(redis, TAKEN)

    def place(self, job_id: str, turn: Turn) -> bool:
        """Move a job from the end of the list to its place; False if it is not there any more."""
        return bool(self._place(keys=self.books, args=[job_id, json.dumps(self.terms(turn))]))

    def terms(self, turn: Turn) -> dict[str, str | float]:
        """A turn as `PLACING` takes it."""
        return {**asdict(turn), "ttl_s": self._ttl_s}

    def forget(self, pipe: Pipeline, job_id: str) -> None:
        """A job leaves the list without having had its turn; done with the other commands of `pipe`."""
        pipe.hdel(self._tags, job_id)
        pipe.hdel(self._owners, job_id)

    def taken(self, job_id: str) -> None:
        """A job has left the list: the queue's time is its tag, and its place is forgotten."""
        self._taken(keys=[self._tags, self._owners, self._now], args=[job_id])

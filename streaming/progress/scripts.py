"""The Lua scripts of progress, and running them by digest.

Each runs atomically in Redis and touches keys of one shard's slot only. A server that does not know
a script (restarted, emptied, failed over) answers NOSCRIPT; the script is then loaded and the call
repeated, so nobody has to load anything beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from services.runtime.lua import Script


class ProgressUnavailable(Exception):  # noqa: N818 - says what happened to progress
    """Redis could not be reached or refused; progress is missing, the job itself is not harmed."""


class Call(NamedTuple):
    """One run of a script."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | int | bytes]


async def run(redis: Redis, calls: Sequence[Call]) -> list[Any]:
    """Run the calls in order, in one round trip when Redis knows the scripts.

    Raises :class:`ProgressUnavailable`.
    """
    replies = await run_each(redis, calls)
    for reply in replies:
        if isinstance(reply, Exception):
            raise ProgressUnavailable(str(reply)) from reply
    return replies


async def run_each(redis: Redis, calls: Sequence[Call]) -> list[Any]:
    """As :func:`run`, but the error of a single call stands in place of its reply."""
    groups = together(calls)
    if len(groups) == len(calls):
        return await _run(redis, calls)
    found = await _run(redis, [_joined([calls[i] for i in group]) for group in groups])
    replies: list[Any] = [None] * len(calls)
    for group, reply in zip(groups, found, strict=True):
        if len(group) == 1 or isinstance(reply, Exception):
            reply = [reply] * len(group)
        for i, each in zip(group, reply, strict=True):
            replies[i] = each
    return replies


def together(calls: Sequence[Call]) -> list[list[int]]:
    """Which calls to send as one: the publications of a shard, unless something else of the shard
    lies between them. By their places in `calls`; pure.
    """
    groups: list[list[int]] = []
    growing: dict[str, list[int]] = {}
    for place, call in enumerate(calls):
        shard = call.keys[0].partition("}")[0]
        if call.script is not PUBLISH:
            growing.pop(shard, None)
            groups.append([place])
        elif shard in growing:
            growing[shard].append(place)
        else:
            growing[shard] = [place]
            groups.append(growing[shard])
    return groups


def _joined(calls: Sequence[Call]) -> Call:
    """One call for publications of one shard."""
    if len(calls) == 1:
        return calls[0]
    keys: list[str] = [calls[0].keys[0]]
    args: list[str | int | bytes] = []
    for call in calls:
        keys += call.keys[1:]
        args.append(len(call.args))
        args += call.args
    return Call(PUBLISH_EACH, keys, args)


async def _run(redis: Redis, calls: Sequence[Call]) -> list[Any]:
    try:
        replies = await _send(redis, calls)
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            for text in {calls[i].script.text for i in unknown}:
                await redis.script_load(text)
            again = await _send(redis, [calls[i] for i in unknown])
            for i, reply in zip(unknown, again, strict=True):
                replies[i] = reply
    except (RedisError, OSError) as error:
        raise ProgressUnavailable(str(error)) from error
    return replies


async def _send(redis: Redis, calls: Sequence[Call]) -> list[Any]:
    if len(calls) == 1:
        (call,) = calls
        try:
            return [await redis.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)]
        except NoScriptError as error:
            return [error]
    pipeline = redis.pipeline(transaction=False)
    for call in calls:
        pipeline.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
    return await pipeline.execute(raise_on_error=False)


FENCED: Final = -1
DUPLICATE: Final = -2
ENDED: Final = -3

PUBLISH: Final = Script(
    """
-- Publish one event. Answers its seq, or -1 fenced off, -2 duplicate, -3 the job has ended.
-- KEYS  shard stream, job stream, state
-- ARGV  1 fence (0: none)         2 dedup field ('': none)   3 token batch ('': not a batch)
--       4 counter field           5 lowest seq               6 '1' when it ends the job
--       7 shard retention ms      8 life of the job's keys s 9.. fields of the event
local shard, events, state = KEYS[1], KEYS[2], KEYS[3]
local known = redis.call('HMGET', state, 'fence', 'ended', ARGV[4], 'batch', 'last')
local fence, current = tonumber(ARGV[1]), tonumber(known[1] or '0')
if fence > 0 and fence < current then return -1 end
if known[2] then return -3 end
if ARGV[3] ~= '' and known[4] and tonumber(ARGV[3]) <= tonumber(known[4]) then return -2 end
if ARGV[2] ~= '' and redis.call('HSETNX', state, ARGV[2], '1') == 0 then return -2 end

local seq = tonumber(ARGV[5])
if known[3] and tonumber(known[3]) >= seq then seq = tonumber(known[3]) + 1 end
-- `prev` lets whoever reads a stream live see that it missed an event of the job
local entry = {'seq', seq}
if known[5] then entry[3] = 'prev'; entry[4] = known[5] end
for i = 9, #ARGV do entry[#entry + 1] = ARGV[i] end

local now = redis.call('TIME')
local oldest = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[7])
local id = redis.call('XADD', shard, 'MINID', '~', oldest, '*', unpack(entry))
redis.call('XADD', events, id, unpack(entry))

local update = {ARGV[4], seq, 'last', id}
if fence > current then update[#update + 1] = 'fence'; update[#update + 1] = ARGV[1] end
if ARGV[3] ~= '' then update[#update + 1] = 'batch'; update[#update + 1] = ARGV[3] end
if ARGV[6] == '1' then update[#update + 1] = 'ended'; update[#update + 1] = id end
redis.call('HSET', state, unpack(update))
redis.call('EXPIRE', state, ARGV[8])
redis.call('EXPIRE', events, ARGV[8])
return seq
"""
)


def function(name: str, script: Script) -> str:
    """A script as a Lua function: its parameters take the place of Redis' two globals."""
    return f"local function {name}(KEYS, ARGV)\n{script.text}\nend\n"


PUBLISH_EACH: Final = Script(
    function("publish", PUBLISH)
    + """
-- Publish events of one shard one after the other; an error of one stands in place of its answer.
-- A call costs a client 30 µs beside its arguments, and a busy worker has several due at a time.
-- KEYS  shard stream, and for each event its job stream and state
-- ARGV  for each event the number of its arguments, and they
local replies, at = {}, 1
for i = 2, #KEYS, 2 do
  local last = at + tonumber(ARGV[at])
  local done, reply = pcall(publish, {KEYS[1], KEYS[i], KEYS[i + 1]}, {unpack(ARGV, at + 1, last)})
  if not done and type(reply) == 'string' then reply = {err = reply} end
  replies[#replies + 1] = reply
  at = last + 1
end
return replies
"""
)

OPEN: Final = Script(
    """
-- Say whose the job is. An owner that is known already stays; an erased job has none.
-- KEYS  state
-- ARGV  1 owner  2 domain  3 traceparent  4 life of the key s
if redis.call('HEXISTS', KEYS[1], 'erased') == 1 then return 0 end
if redis.call('HSETNX', KEYS[1], 'user_id', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'domain', ARGV[2], 'traceparent', ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 0
"""
)

ACQUIRE: Final = Script(
    """
-- Take the lease on a stage and the job's next fence. Answers the fence, or 0 while it is held.
-- Fences grow with the clock as well, so that they do not start over when Redis lost its data.
-- KEYS  lease, state
-- ARGV  1 token of this attempt  2 life of the lease ms  3 life of the state s
local held = redis.call('GET', KEYS[1])
if held then
  local token, fence = string.match(held, '^(.*) (%d+)$')
  -- the answer to this very attempt was lost on its way, and the client repeated it
  if token == ARGV[1] then return tonumber(fence) end
  return 0
end
local now = redis.call('TIME')
local fence = tonumber(now[1]) * 1000 + math.floor(now[2] / 1000)
local current = tonumber(redis.call('HGET', KEYS[2], 'fence') or '0')
if current >= fence then fence = current + 1 end
local text = string.format('%.0f', fence)
redis.call('HSET', KEYS[2], 'fence', text)
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. text, 'PX', ARGV[2])
return fence
"""
)

RENEW: Final = Script(
    """
-- Prolong a lease. Answers 1, or 0 when it is lost: somebody else holds it or has held it since.
-- A lease that lapsed untouched, or vanished with the data of Redis, is taken back.
-- KEYS  lease, state
-- ARGV  1 token  2 fence  3 life of the lease ms  4 life of the state s
local mine = ARGV[1] .. ' ' .. ARGV[2]
local held = redis.call('GET', KEYS[1])
if held and held ~= mine then return 0 end
if not held then
  local current = tonumber(redis.call('HGET', KEYS[2], 'fence') or '0')
  if current > tonumber(ARGV[2]) then return 0 end
  redis.call('HSET', KEYS[2], 'fence', ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
return 1
"""
)

RELEASE: Final = Script(
    """
-- Give a lease back, unless it is no longer ours.
-- KEYS  lease
-- ARGV  1 token  2 fence
if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])
"""
)

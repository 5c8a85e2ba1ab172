"""Taking up one stage of a job and putting it down again, each in one step.

What a worker has to do at both ends of a stage (lease and fence, whose the job is, the event, the
checkpoint) is one script call each: half a dozen round trips a stage would cost more CPU than the
work of most stages.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis

from services.runtime import logs
from services.runtime.lua import Script
from streaming.progress import keys, stages
from streaming.progress.event import ProgressEvent
from streaming.progress.gather import Gather
from streaming.progress.publisher import JOB_SECONDS, ProgressPublisher, seqs_of
from streaming.progress.scripts import (
    ACQUIRE,
    ENDED,
    FENCED,
    OPEN,
    PUBLISH,
    RELEASE,
    RENEW,
    Call,
    ProgressUnavailable,
    function,
)

log = logs.get(__name__)

KEEP_SECONDS: Final = 1.0
"""How often leases are looked through for those that need renewing."""


BEGIN: Final = Script(
    function("acquire", ACQUIRE)
    + function("open", OPEN)
    + function("publish", PUBLISH)
    + """
-- Take up a stage: nothing when the job has ended or has passed the stage, else the lease, the
-- owner, the event, what an earlier attempt worked out and the number of its last token batch.
-- KEYS  lease, state, shard stream, job stream, checkpoint
-- ARGV  1 token  2 life of the lease ms  3 life of the job's keys s  4 owner  5 domain
--       6 traceparent  7 field that tells that the next stage has begun ('': none)
--       8.. arguments of publish, whose fence is filled in here
local known = redis.call('HMGET', KEYS[2], 'ended', ARGV[7])
if known[1] then return {'ended'} end
if known[2] then return {'passed'} end
local fence = acquire({KEYS[1], KEYS[2]}, {ARGV[1], ARGV[2], ARGV[3]})
if fence == 0 then return {'held', redis.call('PTTL', KEYS[1])} end
open({KEYS[2]}, {ARGV[4], ARGV[5], ARGV[6], ARGV[3]})
local event = {string.format('%.0f', fence)}
for i = 9, #ARGV do event[#event + 1] = ARGV[i] end
publish({KEYS[3], KEYS[4], KEYS[2]}, event)
return {'begun', fence, redis.call('GET', KEYS[5]), redis.call('HGET', KEYS[2], 'batch')}
"""
)

FINISH: Final = Script(
    function("open", OPEN)
    + function("publish", PUBLISH)
    + function("release", RELEASE)
    + """
-- Put a stage down: keep what it worked out, publish its events, give the lease back. Answers what
-- publish does for each of them.
-- KEYS  lease, state, shard stream, job stream, checkpoint
-- ARGV  1 token  2 fence  3 life of the job's keys s  4 owner  5 domain  6 traceparent
--       7 checkpoint ('': none)  8.. for each event the number of its arguments, and they
if ARGV[7] ~= '' then redis.call('SET', KEYS[5], ARGV[7], 'EX', ARGV[3]) end
open({KEYS[2]}, {ARGV[4], ARGV[5], ARGV[6], ARGV[3]})
local replies, at = {}, 8
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  local event = {unpack(ARGV, at + 1, last)}
  replies[#replies + 1] = publish({KEYS[3], KEYS[4], KEYS[2]}, event)
  at = last + 1
end
release({KEYS[1]}, {ARGV[1], ARGV[2]})
return replies
"""
)


SAVE: Final = Script(
    """
-- Keep what a stage has worked out so far, unless whoever works on it has a successor or the job
-- has ended (its user was erased, for one).
-- KEYS  state, checkpoint
-- ARGV  1 fence  2 life of the job's keys s  3 checkpoint
local known = redis.call('HMGET', KEYS[1], 'fence', 'ended')
if known[2] or tonumber(ARGV[1]) < tonumber(known[1] or '0') then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[2])
return 1
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stage of a job, and what is known of the job."""

    job_id: str
    user_id: str
    """Written into the job's state where Redis has lost it."""
    stage: str
    next_stage: str | None = None
    """The stage whose start tells that this one is behind the job; None for the last."""
    domain: stages.Domain = "scan"
    traceparent: str = ""


@dataclass(slots=True)
class Turn:
    """The right to work on a stage. Events published under it carry its fence."""

    place: Place
    token: str
    fence: int
    checkpoint: bytes | None
    """What an earlier attempt worked out."""
    renewed_at: float
    batch: int = 0
    """Number of the last token batch that was published, by whomever; 0 before the first."""
    lost: Callable[[], None] = field(default=lambda: None)
    """Called once when somebody else has taken the stage over: stop working."""
    renewing: asyncio.Event | None = None
    """Set when the renewal of the lease that is under way is over."""

    async def settled(self) -> None:
        """Wait until no renewal is under way: it would take the lease again that was given back."""
        if self.renewing is not None:
            await self.renewing.wait()

    def event(self, status: str, *, result: str | None = None) -> ProgressEvent:
        """An event of the stage, under the turn's fence."""
        place = self.place
        return ProgressEvent(
            job_id=place.job_id,
            domain=place.domain,
            stage=place.stage,
            status=status,
            fence=self.fence,
            result=result,
            traceparent=place.traceparent,
        )


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else works on the stage."""

    seconds: float
    """When their lease runs out, unless they renew it."""


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is left to do: the job has ended, or its next stage has begun."""

    ended: bool


class Turns:
    """Gives out the turns of one process and keeps their leases alive (:meth:`keep`).

    Methods raise :class:`~streaming.progress.scripts.ProgressUnavailable` when Redis is away.
    """

    def __init__(
        self, redis: Redis, publisher: ProgressPublisher, *, owner: str, ttl_seconds: float
    ) -> None:
        """`owner` names the process; a lease not renewed for `ttl_seconds` is free."""
        self._gather = Gather(redis)
        self._publisher = publisher
        self._owner = owner
        self._ttl = ttl_seconds
        self._by_id: dict[int, Turn] = {}

    async def begin(self, place: Place) -> Turn | Held | Over:
        """Take up a stage and publish that it has started."""
        token = f"{self._owner}/{uuid.uuid4().hex}"
        turn = Turn(place, token, 0, None, time.monotonic())
        published = self._publisher.call_for(turn.event(stages.STARTED))
        passed = f"seen:{place.next_stage}:{stages.STARTED}" if place.next_stage else ""
        (reply,) = await self._gather.run(
            [
                Call(
                    BEGIN,
                    self._keys(place, published),
                    (
                        token,
                        int(self._ttl * 1000),
                        JOB_SECONDS,
                        place.user_id,
                        place.domain,
                        place.traceparent,
                        passed,
                        *published.args,
                    ),
                )
            ],
        )
        what = reply[0]
        if what == b"held":
            return Held(max(0.0, reply[1] / 1000))
        if what != b"begun":
            return Over(ended=what == b"ended")
        turn.fence = reply[1]
        turn.checkpoint = reply[2]
        turn.batch = int(reply[3] or 0)
        self._by_id[id(turn)] = turn
        return turn

    async def finish(
        self,
        turn: Turn,
        *,
        checkpoint: bytes | None = None,
        event: ProgressEvent,
        more: Sequence[ProgressEvent] = (),
    ) -> bool:
        """Keep the checkpoint, publish the event and `more` of the job, give the lease back.

        False when the event was refused because somebody else has taken the stage over.

        All of it is one call, so that none of the events is told without those before it: of
        several calls, a restarted Redis may know the scripts of the later ones only.
        """
        self._by_id.pop(id(turn), None)
        await turn.settled()
        place = turn.place
        published = [self._publisher.call_for(each) for each in (event, *more)]
        (replies,) = await self._gather.run(
            [
                Call(
                    FINISH,
                    self._keys(place, published[0]),
                    (
                        turn.token,
                        turn.fence,
                        JOB_SECONDS,
                        place.user_id,
                        place.domain,
                        place.traceparent,
                        checkpoint or b"",
                        *(arg for call in published for arg in (len(call.args), *call.args)),
                    ),
                ),
            ],
        )
        return bool(replies[0] != FENCED)

    async def tell(
        self, turn: Turn, *events: ProgressEvent, checkpoint: bytes | None = None
    ) -> bool:
        """Keep the checkpoint and publish the events, which carry the turn's fence.

        False when somebody else has taken the stage over, or the job has ended: stop working.
        """
        calls = [self._publisher.call_for(event) for event in events]
        if checkpoint is not None:
            calls.insert(0, self._keeping(turn, checkpoint))
        replies = await self._gather.run(calls)
        told = replies[len(calls) - len(events) :]
        seqs_of(events, told)
        overtaken = any(reply in (FENCED, ENDED) for reply in told)
        return not overtaken and (checkpoint is None or bool(replies[0]))

    def _keeping(self, turn: Turn, checkpoint: bytes) -> Call:
        job_id, stage = turn.place.job_id, turn.place.stage
        return Call(
            SAVE,
            (keys.state(job_id), keys.checkpoint(job_id, stage)),
            (turn.fence, JOB_SECONDS, checkpoint),
        )

    async def release(self, turn: Turn) -> None:
        """Give the lease back without having finished."""
        if self._by_id.pop(id(turn), None) is None:
            return
        await turn.settled()
        lease = keys.lease(turn.place.job_id, turn.place.stage)
        await self._gather.run([Call(RELEASE, (lease,), (turn.token, turn.fence))])

    async def keep(self) -> None:
        """Renew leases, many in one round trip, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                await self._renew(time.monotonic())
            except ProgressUnavailable as error:
                log.warning("leases were not renewed", error=str(error))

    async def _renew(self, now: float) -> None:
        """Renew those that have used up half of their time."""
        due = [turn for turn in self._by_id.values() if now - turn.renewed_at > self._ttl / 2]
        if not due:
            return
        renewed = asyncio.Event()
        for turn in due:
            turn.renewing = renewed
        try:
            replies = await self._gather.run([self._renewal(turn) for turn in due])
        finally:
            for turn in due:
                turn.renewing = None
            renewed.set()
        for turn, kept in zip(due, replies, strict=True):
            if kept:
                turn.renewed_at = now
            elif self._by_id.pop(id(turn), None) is not None:
                turn.lost()

    def _renewal(self, turn: Turn) -> Call:
        job_id = turn.place.job_id
        return Call(
            RENEW,
            (keys.lease(job_id, turn.place.stage), keys.state(job_id)),
            (turn.token, turn.fence, int(self._ttl * 1000), JOB_SECONDS),
        )

    @staticmethod
    def _keys(place: Place, published: Call) -> tuple[str, ...]:
        shard, events, state = published.keys
        return (
            keys.lease(place.job_id, place.stage),
            state,
            shard,
            events,
            keys.checkpoint(place.job_id, place.stage),
        )

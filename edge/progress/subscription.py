"""One stream of a job: replay, then live, every event once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from edge.progress import metrics
from edge.progress.resume import Resume, remaining
from streaming.progress.event import START, StoredEvent, StreamId
from streaming.progress.history import Histories, JobState
from streaming.progress.keys import shard_of
from streaming.progress.scripts import ProgressUnavailable

REPLAY_AGAIN_SECONDS: Final = 1.0
"""Pause before a replay that failed is tried again."""


class Item:
    """An event on its way to the streams of its job, and its frame once somebody has made it."""

    __slots__ = ("event", "frame")

    def __init__(self, event: StoredEvent) -> None:
        self.event = event
        self.frame: bytes | None = None


class Subscription:
    """What one client still has to get.

    Live events go through a bounded queue. While `stale`, the queue is not to be trusted: live
    events are ignored, and the next thing the client gets comes from a replay after the last event
    it was given.
    """

    __slots__ = (
        "_ending", "_histories", "_last_id", "_last_seq", "_last_token", "_limit", "_lost",
        "_queue", "_reached", "_replay_at", "_replaying", "_resume", "_stale", "_tip", "_waiter",
        "closed", "due", "job_id", "quiet_since", "shard", "user_id",
    )  # fmt: skip

    def __init__(
        self,
        job_id: str,
        user_id: str,
        resume: Resume,
        *,
        histories: Histories,
        limit: int,
        lost: Callable[[str], None],
    ) -> None:
        self.job_id = job_id
        self.user_id = user_id
        self.shard = shard_of(job_id)
        self.closed = ""
        """Why the stream is to end without its last event; empty while it goes on."""
        self.due = float("inf")
        """Loop time at which :meth:`next` returns without events."""
        self.quiet_since = asyncio.get_running_loop().time()
        """Loop time of the last event, or of the last question about the job."""
        self._histories = histories
        self._limit = limit
        self._lost = lost
        self._queue: list[Item] = []
        self._stale = True
        self._replaying = False
        self._replay_at = 0.0
        self._tip = resume.after
        self._resume: Resume | None = resume
        self._last_id: StreamId = resume.after
        self._last_seq = -1
        self._reached = -1
        self._last_token = max(resume.recovered or 0, resume.tokens or 0)
        self._ending: Sequence[Item] = ()
        self._waiter: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """Events queued."""
        return len(self._queue)

    # what feeds the stream

    def offer(self, item: Item) -> None:
        """Queue a live event."""
        if self._stale:
            return
        if self._missed(item.event) and not self._replaying:
            metrics.GAPS.inc()
            self.go_stale()
            return
        if len(self._queue) >= self._limit:
            metrics.REFILLED.inc()
            self.go_stale()
            return
        self._queue.append(item)
        self._tip = item.event.id
        self.wake()

    def _missed(self, event: StoredEvent) -> bool:
        """Whether the job had an event between the last one queued and `event`."""
        return event.prev > self._tip

    def go_stale(self, *, rewound: bool = False) -> None:
        """Return to replay. `rewound`: ids may begin below those the client has seen."""
        self._stale = True
        self._queue.clear()
        self._replay_at = 0.0
        if rewound:
            self._last_id = START
        self.wake()

    def end(self, items: Sequence[Item]) -> None:
        """Give the client the end of the job, learned from elsewhere, after what it still has to
        get: the last of `items`, and those before it that are next in the job's order.
        """
        self._ending = items
        self.wake()

    def close(self, reason: str) -> None:
        """End the stream without its last event."""
        self.closed = self.closed or reason
        self.wake()

    def tick(self, now: float) -> None:
        """Wake the stream when it has something to do at loop time `now`."""
        if self.due <= now or (self._stale and self._replay_at <= now):
            self.wake()

    def wake(self) -> None:
        """Make :meth:`next` look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # what reads the stream

    async def next(self) -> list[Item]:
        """The next events, as many as there are; none when the stream is closed or `due`."""
        loop = asyncio.get_running_loop()
        while not self.closed:
            if self._stale and self._replay_at <= loop.time():
                try:
                    state = await self.replay()
                except ProgressUnavailable:
                    pass  # it stays stale, and the clock wakes it for another attempt
                else:
                    if not state.is_known:
                        self._lost(self.job_id)
                    if self._stale:
                        continue
            items = self._take()
            if items or self.closed or self.due <= loop.time():  # or closed during the replay
                return items
            self._waiter = loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return []

    async def replay(self) -> JobState:
        """Queue what the job's stream holds after the last event; ProgressUnavailable."""
        self._stale, self._replaying = False, True
        # From here on live events are queued, behind what is read now.
        try:
            history = await self._histories.read(self.job_id, self._last_id)
            events = history.events
            while history.more and not self._stale:
                history = await self._histories.read(self.job_id, events[-1].id)
                events += history.events
        except BaseException:
            self._stale = True
            self._queue.clear()
            self._replay_at = asyncio.get_running_loop().time() + REPLAY_AGAIN_SECONDS
            raise
        finally:
            self._replaying = False
        if not self._stale:
            self._join(events)
        self._reached = max(self._reached, history.state.seq)
        return history.state

    def _join(self, events: list[StoredEvent]) -> None:
        """Put replayed events before the live ones that were queued meanwhile."""
        self._tip = events[-1].id if events else self._last_id
        for item in self._queue:
            if item.event.id > self._tip:
                if self._missed(item.event):
                    self.go_stale()
                    return
                self._tip = item.event.id
        if self._resume is not None:
            events = remaining(events, self._resume)
        self._queue[:0] = map(Item, events)
        metrics.REPLAYED.inc(len(events))

    def _take(self) -> list[Item]:
        """What is queued and was not given before; the ending once nothing is left."""
        queued, self._queue = self._queue, []
        items = [item for item in queued if self._is_new(item.event)]
        if not items and self._ending:
            items, self._ending = self._still_untold(self._ending), ()
        if items:
            self._resume = None
            self.quiet_since = asyncio.get_running_loop().time()
        return items

    def _still_untold(self, ending: Sequence[Item]) -> list[Item]:
        """The end of the job, with what comes before it where the job's events break off there: a
        stage is not left without its end, and nothing that may have been told is told again.
        """
        *before, last = ending
        return [item for item in before if item.event.seq == self._reached + 1] + [last]

    def _is_new(self, event: StoredEvent) -> bool:
        """Whether the client lacks the event; if so it counts as given from now on.

        Ids decide. `seq` decides as well, because a Redis that lost its last writes may get them
        again under other ids; the end of a job is never held back.
        """
        if event.id <= self._last_id:
            return False
        self._last_id = event.id
        if event.is_text:
            if event.seq <= self._last_token:
                return False
            self._last_token = event.seq
        else:
            if event.seq <= self._last_seq and not event.is_terminal:
                return False
            self._last_seq = event.seq
            self._reached = max(self._reached, event.seq)
        return True

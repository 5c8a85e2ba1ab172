"""Runs handlers: admission, attempts, and what follows a failure."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError

from services.runtime import logs
from streaming.kafka import headers as h
from streaming.kafka import tracing
from streaming.kafka.producer import DeliveryError, Producer
from streaming.kafka.record import Record
from streaming.kafka.retry import DEADLINE_EXCEEDED, Again, Dead, Death, decide, reason_of
from streaming.kafka.work import Channel, Work

log = logs.get(__name__)

PERSIST_FIRST_SECONDS: Final = 0.2
PERSIST_MAX_SECONDS: Final = 15.0
"""First and longest pause between two tries of what must succeed (``on_dead``, sending a retry or a
dead letter): short enough to be done soon after an outage ends."""


class Dispatcher:
    """Starts handlers as lanes allow and sees every record through to an end: done, waiting in a
    retry topic, or dead.
    """

    def __init__(self, producer: Producer, *, clock: Callable[[], float] = time.time) -> None:
        self._producer = producer
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.freed = asyncio.Event()
        """Set when a channel that was saturated may read on."""
        self.closed = False

    @property
    def running(self) -> int:
        """Handlers running now."""
        return len(self._tasks)

    def now(self) -> float:
        """Unix time in seconds."""
        return self._clock()

    def offer(self, work: Work) -> None:
        """Take on work that its owner's ledger holds."""
        work.channel.lanes.offer(work.lane, work)

    def pump(self, channel: Channel) -> None:
        """Start what may run."""
        if self.closed:
            return
        lanes = channel.lanes
        loop = asyncio.get_running_loop()
        while (work := lanes.take()) is not None:
            work.started = True
            task = loop.create_task(self._run(work))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def discard(self, channels: Mapping[str, Channel], unwanted: Callable[[Work], bool]) -> None:
        """Drop queued work that was not started."""
        for channel in set(channels.values()):
            channel.lanes.discard(unwanted)
        self.freed.set()

    async def idle(self, within_seconds: float) -> bool:
        """Wait until no handler runs; False when some still do after `within_seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_seconds
        while self._tasks and (left := until - loop.time()) > 0:
            await asyncio.wait(tuple(self._tasks), timeout=left)
        return not self._tasks

    async def cancel(self) -> None:
        """Stop every handler; their records stay uncommitted."""
        self.closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # _run lets nothing out but a fault of this module; say so instead of losing a slot
            # in silence.
            log.error("dispatching failed", error=repr(error))

    async def _run(self, work: Work) -> None:
        channel = work.channel
        try:
            record = work.record()
        except DecodeError as error:
            dead = Dead(Death.UNDECODABLE, h.reason_text(str(error)))
            await self._bury(work, None, dead)
            return
        if record.deadline is not None and self._clock() >= record.deadline:
            await self._bury(work, record, Dead(Death.DEADLINE, DEADLINE_EXCEEDED))
            return
        failure = await self._attempt(work, record)
        if failure is None:
            channel.handled.inc()
            self._finish(work)
            return
        if work.holding is None:
            # Taken away while it ran: its next reader handles it, a retry from here would double it
            self._drop(work)
            return
        topic = channel.topic
        verdict = decide(
            failure,
            attempt=work.attempt,
            schedule=topic.retry,
            deadline=record.deadline,
            now=self._clock(),
            jitter=random.random(),
        )
        log.repeated(
            "handling failed",
            **work.describe(),
            reason=reason_of(failure),
            then="retry" if isinstance(verdict, Again) else verdict.death.value,
        )
        if isinstance(verdict, Dead):
            await self._bury(work, record, verdict)
        elif topic.in_place:
            self._wait_in_place(work, verdict)
        else:
            await self._send_to_retry(work, verdict)

    async def _attempt(self, work: Work, record: Record[Any]) -> BaseException | None:
        """Run the handler once; the exception it ended with, if any."""
        channel = work.channel
        started = time.perf_counter()
        try:
            with tracing.processing(channel.topic.name, channel.group_id, work.headers):
                async with asyncio.timeout(channel.timeout_seconds):
                    await channel.handler(record)
        except asyncio.CancelledError as error:
            if self.closed:
                raise
            # Nobody cancels handlers before the end: something inside was cancelled and let it out.
            return error
        except Exception as error:
            return error
        finally:
            channel.seconds.observe(time.perf_counter() - started)
        return None

    # -- what follows ---------------------------------------------------------------------------

    def _finish(self, work: Work) -> None:
        work.owner.finished(work)
        self._leave(work)

    def _drop(self, work: Work) -> None:
        work.owner.ledger.forget(work)
        self._leave(work)

    def _leave(self, work: Work) -> None:
        lanes = work.channel.lanes
        was_saturated = lanes.load >= lanes.limit
        lanes.finish(work.lane)
        if was_saturated and lanes.load < lanes.limit:
            self.freed.set()
        self.pump(work.channel)

    def _wait_in_place(self, work: Work, again: Again) -> None:
        lanes = work.channel.lanes
        work.channel.retried.inc()
        work.attempt += 1
        lanes.hold(work.lane)

        def resume() -> None:
            if work.holding is None:
                work.owner.ledger.forget(work)
                lanes.drop_held(work.lane)
                self.freed.set()
            else:
                lanes.release(work.lane)
            self.pump(work.channel)

        asyncio.get_running_loop().call_later(again.delay_seconds, resume)
        self.pump(work.channel)

    async def _send_to_retry(self, work: Work, again: Again) -> None:
        now = self._clock()
        sent = {
            **work.headers,
            h.ATTEMPT: str(work.attempt + 1),
            h.NOT_BEFORE: h.millis(now + again.delay_seconds),
            h.REASON: again.reason,
            h.FAILED_AT: h.millis(now),
        }
        sent.setdefault(h.ORIGIN, _origin(work))
        target = work.channel.topic.retry_topic(again.step)
        if await self._persist(work, lambda: self._forward(target, work, sent)):
            work.channel.retried.inc()
            self._finish(work)

    async def _bury(self, work: Work, record: Record[Any] | None, dead: Dead) -> None:
        channel = work.channel
        sent = {
            **work.headers,
            h.ATTEMPT: str(work.attempt),
            h.DEAD: dead.death.value,
            h.REASON: dead.reason,
            h.FAILED_AT: h.millis(self._clock()),
        }
        sent.setdefault(h.ORIGIN, _origin(work))
        on_dead = channel.on_dead
        if on_dead is not None and record is not None:
            told = on_dead  # narrowed for the closure
            if not await self._persist(work, lambda: told(record, dead.reason)):
                return
        if channel.topic.dead_letter and not await self._persist(
            work, lambda: self._forward(channel.topic.dlq, work, sent)
        ):
            return
        channel.dead.inc()
        self._finish(work)

    async def _forward(self, target: str, work: Work, sent: Mapping[str, str]) -> None:
        await self._producer.forward(target, work.raw.key, work.raw.value, sent)

    async def _persist(self, work: Work, act: Callable[[], Any]) -> bool:
        """Do what must succeed, again and again until it does. False, and the work let go, when
        its partition was taken away before: the next reader sees to it.
        """
        pause, tries = PERSIST_FIRST_SECONDS, 0
        while True:
            if work.holding is None:
                self._drop(work)
                return False
            tries += 1
            try:
                await act()
            except Exception as error:
                log.repeated(
                    "could not see a failed record off, trying again",
                    **work.describe(),
                    tries=tries,
                    error=str(error) if isinstance(error, DeliveryError) else reason_of(error),
                )
            else:
                return True
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 2, PERSIST_MAX_SECONDS)


def _origin(work: Work) -> str:
    return f"{work.place.topic}:{work.place.partition}:{work.offset}"

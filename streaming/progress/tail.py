"""Tail: following the shard streams live, and knowing when something was missed.

One reader a process follows all shards with one blocking XREAD. Whoever consumes the tail keeps
its own place in each job it watches and can replay from the job's stream; so the tail need not be
gapless, but it must say so **before** it delivers anything beyond a gap. It does so

- after every (re)connection,
- after a pause in reading that trimming could have overtaken (a frozen process, a suspended host),
- when a shard's count of entries ever added disagrees with the number that was read: the stream was
  emptied and begun anew. This is checked once a second, so here the warning may come a moment late;
  what Redis has lost can't be replayed from it anyway.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from services.runtime import logs
from streaming.progress.event import START, Entry, StoredEvent, StreamId, read_entries
from streaming.progress.keys import SHARD_STREAMS, SHARDS
from streaming.progress.publisher import SHARD_SECONDS

BLOCK_MS: Final = 1000
"""How long a read waits for something to happen."""

COUNT: Final = 500
"""Entries of a shard read at a time."""

GATHER_SECONDS: Final = 0.04
"""Pause after a read that brought something, so that under load a read brings many entries: reading
one costs ≈ 75 µs of CPU, fifty ≈ 145 µs (measured on 2 quiet cores). What is published together
for several shards comes in two reads, because the first entry ends the wait."""

LONGEST_PAUSE_SECONDS: Final = SHARD_SECONDS / 4
"""Pause between two reads that needs no replay: well below the age at which entries are trimmed,
well above the time of a blocking read."""

CHECK_SECONDS: Final = 1.0
"""How often the counts are compared."""

ANSWER_SECONDS: Final = BLOCK_MS / 1000 + 5
"""A blocking read that takes longer than this hangs on a dead connection."""

_log = logs.get(__name__)

# What passes while the host is suspended counts too, where the system can tell.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Deliver = Callable[[Sequence[StoredEvent]], None]
Gap = Callable[[Iterable[int], bool], None]


@dataclass(slots=True)
class _Shard:
    """Where the tail stands in one shard's stream."""

    position: StreamId = START
    """Last entry read."""
    added: int | None = None
    """Entries ever added to the stream when the tail was last seen level with its end; None while
    that has not been seen on this connection."""
    received: int = 0
    """Entries read since then."""


class _End(NamedTuple):
    """Where a shard's stream ends."""

    last: StreamId
    added: int
    """Entries ever added; 0 when there is no stream."""


class ShardTail:
    """Follows the shard streams from now on.

    `deliver(events)` gets what was read of the jobs in `wanted`, each shard's events in order.
    `gap(shards, rewound)` says that events of these shards may have been missed; `rewound`, that
    ids may begin below those seen before (Redis came back with neither its data nor its clock).
    """

    def __init__(self, redis: Redis, *, wanted: Container[str], deliver: Deliver, gap: Gap) -> None:
        self._redis = redis
        self._wanted = wanted
        self._deliver = deliver
        self._gap = gap
        self._shards = [_Shard() for _ in range(SHARDS)]
        self._started = False
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the tail is following at the moment."""
        return self._connected

    async def run(self) -> None:
        """Follow until cancelled; an unreachable Redis is tried again and again."""
        failures = 0
        while True:
            try:
                await self._locate()
                failures = 0
                self._connected = True
                await self._follow()
            except (RedisError, OSError, TimeoutError) as error:
                failures += 1
                if failures == 1:
                    _log.warning("progress tail lost Redis", error=str(error))
            finally:
                self._connected = False
            _stop_if_cancelled()
            await asyncio.sleep(min(2.0, 0.05 * 2**failures) * random.uniform(0.5, 1.0))

    async def _locate(self) -> None:
        """Find where the streams stand; whatever came before counts as missed."""
        pipeline = self._redis.pipeline(transaction=False)
        for stream in SHARD_STREAMS:
            pipeline.xinfo_stream(stream)
        ends = [_end(info) for info in await pipeline.execute(raise_on_error=False)]
        rewound = []
        for number, (shard, end) in enumerate(zip(self._shards, ends, strict=True)):
            shard.added = None
            if not self._started:
                shard.position = end.last
            elif end.added > 0 and end.last < shard.position:
                shard.position = START
                rewound.append(number)
        self._gap([number for number in range(SHARDS) if number not in rewound], False)
        self._gap(rewound, True)
        _log.info("progress tail follows", shards=SHARDS, again=self._started)
        self._started = True

    async def _follow(self) -> None:
        last_read = time.clock_gettime(_CLOCK)
        next_check = last_read
        while True:
            _stop_if_cancelled()
            if time.clock_gettime(_CLOCK) >= next_check:
                received = await self._check()
                next_check = time.clock_gettime(_CLOCK) + CHECK_SECONDS
            else:
                async with asyncio.timeout(ANSWER_SECONDS):
                    received = _entries(
                        await self._redis.xread(self._positions(), COUNT, block=BLOCK_MS)
                    )
            now = time.clock_gettime(_CLOCK)
            if now - last_read > LONGEST_PAUSE_SECONDS:
                _log.warning("progress tail paused", seconds=round(now - last_read, 1))
                self._gap(range(SHARDS), False)
            last_read = now
            for shard, entries in zip(self._shards, received, strict=True):
                if entries:
                    shard.position = StreamId.parse(entries[-1][0])
                    shard.received += len(entries)
                    self._deliver(read_entries(entries, self._wanted))
            if any(received):
                await asyncio.sleep(GATHER_SECONDS)

    def _positions(self) -> dict[Any, Any]:
        return {
            stream: str(shard.position)
            for stream, shard in zip(SHARD_STREAMS, self._shards, strict=True)
        }

    async def _check(self) -> list[list[Entry]]:
        """Read what is there, and compare the streams' own counts with ours at the same moment."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xread(self._positions(), COUNT)
        for stream in SHARD_STREAMS:
            pipeline.xinfo_stream(stream)
        reply, *infos = await pipeline.execute(raise_on_error=False)
        if isinstance(reply, Exception):
            raise reply
        received = _entries(reply)
        missed, rewound = [], []
        for number, (shard, entries, info) in enumerate(
            zip(self._shards, received, infos, strict=True)
        ):
            end = _end(info)
            reached = StreamId.parse(entries[-1][0]) if entries else shard.position
            if end.added == 0 or end.last == reached:
                if shard.added not in (None, end.added - shard.received - len(entries)):
                    missed.append(number)
                shard.added, shard.received = end.added, -len(entries)
            elif end.last < shard.position:
                shard.position, shard.added = START, None
                rewound.append(number)
            # else more is waiting than was read, and the counts can't be compared yet
        if missed or rewound:
            _log.warning("progress streams were emptied", shards=missed + rewound)
            self._gap(missed, False)
            self._gap(rewound, True)
        return received


def _stop_if_cancelled() -> None:
    """Raise CancelledError when this task was cancelled and the cancellation was lost.

    The Redis client can turn a cancellation that meets its own time-outs into an error, or swallow
    it (seen with redis-py 8.1); the tail would then follow for ever and keep its process alive.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _entries(reply: Any) -> list[list[Entry]]:
    """The entries of each shard in an answer to XREAD."""
    received: list[list[Entry]] = [[] for _ in range(SHARDS)]
    for name, entries in reply.items() if isinstance(reply, Mapping) else reply or ():
        if entries and isinstance(entries[0], list):  # RESP3 wraps a stream's entries once more
            (entries,) = entries
        received[SHARD_STREAMS.index(name.decode())] = entries
    return received


def _end(info: Any) -> _End:
    """The end of a stream, from an answer to XINFO STREAM."""
    if isinstance(info, ResponseError):  # no such stream
        return _End(START, 0)
    if isinstance(info, Exception):
        raise info
    return _End(StreamId.parse(info["last-generated-id"]), int(info["entries-added"]))

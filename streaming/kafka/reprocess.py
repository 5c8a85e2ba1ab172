"""Works dead letter queues off: replays what may work now, archives the rest."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Counter

from services.runtime import logs
from streaming.kafka.connection import Connection
from streaming.kafka.deadletters import (
    DeadLetter,
    DeadLetterError,
    Fate,
    Queues,
    fate,
    open_queues,
    replay_headers,
)
from streaming.kafka.producer import Producer
from streaming.kafka.topics import ARCHIVE, Topic

log = logs.get(__name__)

MAX_ROUNDS: Final = 3
COMMIT_EVERY: Final = 50
"""Letters between two commits: what would be replayed twice after a crash."""

LETTERS: Final = Counter(
    "eco2_kafka_dead_letters_total",
    "Dead letters worked off, by what was done with them: replay or archive",
    ["topic", "fate"],
)


@dataclass
class Report:
    """What one pass did, by topic."""

    replayed: Tally[str] = field(default_factory=Tally)
    archived: Tally[str] = field(default_factory=Tally)


async def reprocess(
    connection: Connection | str,
    producer: Producer,
    topics: Iterable[Topic],
    *,
    max_rounds: int = MAX_ROUNDS,
    clock: Callable[[], float] = time.time,
) -> Report:
    """Work off what waits in the queues of `topics` now. Run one at a time: two would both replay.

    Raises :class:`~streaming.kafka.deadletters.DeadLetterError` or
    :class:`~streaming.kafka.producer.DeliveryError`; what was done until then stays done.
    """
    report = Report()
    queues = {topic.dlq: topic for topic in topics if topic.dead_letter}
    async with open_queues(connection, queues) as opened:
        for queue, topic in queues.items():
            done: list[DeadLetter] = []
            try:
                async for letter in opened.waiting(queue):
                    verdict = fate(letter, now=clock(), max_rounds=max_rounds)
                    if verdict is Fate.REPLAY:
                        await replay(producer, letter, keep_deadline=True)
                        report.replayed[topic.name] += 1
                    else:
                        await archive(producer, letter)
                        report.archived[topic.name] += 1
                    LETTERS.labels(topic.name, verdict.value).inc()
                    done.append(letter)
                    if len(done) >= COMMIT_EVERY:
                        await opened.worked_off(done)
                        done.clear()
            finally:
                await opened.worked_off(done)
    if report.replayed or report.archived:
        log.info(
            "dead letters worked off",
            replayed=dict(report.replayed),
            archived=dict(report.archived),
        )
    return report


async def replay_waiting(producer: Producer, opened: Queues, queue: str) -> int:
    """Replay everything that waits in `queue`, whatever it died of, deadlines dropped: a person
    decided so. Returns how many there were.
    """
    count = 0
    done: list[DeadLetter] = []
    try:
        async for letter in opened.waiting(queue):
            await replay(producer, letter, keep_deadline=False)
            done.append(letter)
            count += 1
            if len(done) >= COMMIT_EVERY:
                await opened.worked_off(done)
                done.clear()
    finally:
        await opened.worked_off(done)
    return count


async def replay(producer: Producer, letter: DeadLetter, *, keep_deadline: bool) -> None:
    """Send a letter to the topic it was first sent to; DeliveryError, or DeadLetterError when its
    headers do not tell that topic.
    """
    if not letter.topic:
        raise DeadLetterError(
            f"{letter.queue} {letter.partition}:{letter.offset} does not say where it came from"
        )
    await producer.forward(
        letter.topic,
        letter.key,
        letter.value,
        replay_headers(letter, keep_deadline=keep_deadline),
    )


async def archive(producer: Producer, letter: DeadLetter) -> None:
    """Keep a letter in the archive, as it is; DeliveryError."""
    await producer.forward(ARCHIVE, letter.key, letter.value, letter.headers)

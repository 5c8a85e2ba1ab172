"""Who shares round trips to read histories."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

from streaming.progress import history
from streaming.progress.event import START
from streaming.progress.history import Histories


class Redis:
    """Knows whose every job is, and no event."""

    def __init__(self) -> None:
        self.replies: list[Any] = []

    def pipeline(self, *, transaction: bool) -> Self:
        return self

    def hmget(self, _: str, *fields: str) -> None:
        self.replies.append([b"user" if field == "user_id" else None for field in fields])

    def xrange(self, *_: Any, **__: Any) -> None:
        self.replies.append([])

    async def execute(self) -> list[Any]:
        replies, self.replies = self.replies, []
        await asyncio.sleep(0)
        return replies


@pytest.mark.parametrize("concurrency", [1, history.CONCURRENCY])
async def test_who_reads_on_when_every_reader_has_just_ended_is_served(
    monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """As a history of several pages is read: the next is asked for in the turn the first came."""
    monkeypatch.setattr(history, "CONCURRENCY", concurrency)
    redis: Any = Redis()
    histories = Histories(redis)

    async def pages(job_id: str) -> list[str | None]:
        return [(await histories.read(job_id, START)).state.user_id for _ in range(3)]

    async with asyncio.timeout(10):
        read = await asyncio.gather(*(pages(f"job-{n}") for n in range(concurrency)))
    assert read == [["user"] * 3] * concurrency

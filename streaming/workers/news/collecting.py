"""One collection from one source, from fetching to storing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio
from eco2.info.v1 import info_service_pb2

from services.runtime import logs
from streaming.workers.news.article import Found, batches, merged
from streaming.workers.news.metrics import ARTICLES, REFUSED
from streaming.workers.news.source import CollectingError, Refusal, Source
from streaming.workers.news.thumbnails import Thumbnails

if TYPE_CHECKING:
    from eco2.info.v1.info_service_pb2_grpc import InfoServiceAsyncStub

log = logs.get(__name__)

BATCH: Final = 100
"""Articles of one call; the service takes up to 200."""

CALL_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a collection."""

    found: int
    """Different pages."""
    inserted: int
    updated: int
    refusals: Sequence[Refusal] = ()


class Collecting:
    """Takes what a source finds to the info service."""

    def __init__(self, info: InfoServiceAsyncStub, thumbnails: Thumbnails | None) -> None:
        self._info = info
        self._thumbnails = thumbnails

    async def find(self, source: Source, now: datetime) -> tuple[list[Found], Sequence[Refusal]]:
        """What a source has now, each page once, with pictures. Raises CollectingError."""
        haul = await source.collect(now)
        articles = merged(haul.articles)
        if self._thumbnails is not None:
            articles = await self._thumbnails.fill(articles)
        for refusal in haul.refusals:
            REFUSED.labels(source.name, refusal.reason).inc()
            log.warning(
                "a part of a source was left out",
                source=source.name,
                part=refusal.part,
                reason=refusal.reason,
                detail=refusal.detail,
            )
        return articles, haul.refusals

    async def collect(self, source: Source, now: datetime) -> Report:
        """Find and store, within the source's time. Raises CollectingError."""
        try:
            async with asyncio.timeout(source.run_seconds):
                articles, refusals = await self.find(source, now)
                inserted = updated = 0
                for batch in batches(articles, BATCH):
                    stored = await self._store(batch)
                    inserted += stored.inserted
                    updated += stored.updated
        except TimeoutError:
            raise CollectingError(f"not done within {source.run_seconds:g} s") from None
        except grpc.aio.AioRpcError as error:
            raise CollectingError(f"the info service did not store: {error.code().name}") from None
        ARTICLES.labels(source.name, "inserted").inc(inserted)
        ARTICLES.labels(source.name, "updated").inc(updated)
        return Report(len(articles), inserted, updated, refusals)

    async def _store(self, batch: Sequence[Found]) -> info_service_pb2.UpsertNewsResponse:
        """Store a batch; one article that the service does not take costs only itself."""
        try:
            return await self._upsert(batch)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            if len(batch) == 1:
                log.warning("an article was not taken", id=batch[0].id, why=error.details())
                return info_service_pb2.UpsertNewsResponse()
        total = info_service_pb2.UpsertNewsResponse()
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            stored = await self._store(half)
            total.inserted += stored.inserted
            total.updated += stored.updated
        return total

    async def _upsert(self, batch: Sequence[Found]) -> info_service_pb2.UpsertNewsResponse:
        request = info_service_pb2.UpsertNewsRequest(articles=[one.message() for one in batch])
        return await self._info.UpsertNews(request, timeout=CALL_SECONDS)

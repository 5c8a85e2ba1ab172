"""Cleaning up after uploads: expires the pending ones, deletes what nothing uses.

Deleting has two steps, so that an image taken into use at that moment is either refused or kept:
the record is claimed (``swept``), then the object goes, then the record. A crash in between leaves
a claimed record, whose object the next pass deletes again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
from prometheus_client import Counter

from services.images import store
from services.images.content_types import DEFAULT
from services.images.keys import CHANNELS, ImageKey
from services.images.settings import ImagesSettings
from services.runtime import logs
from services.runtime.leadership import lead
from services.runtime.objectstore import ObjectStore, ObjectStoreUnavailableError
from services.runtime.pool import Pool

log = logs.get(__name__)

_EXPIRED = Counter("images_uploads_expired_total", "Pending uploads that expired.")
_SWEPT = Counter("images_objects_swept_total", "Unused objects deleted.")

LOCK = "images.sweeper"


class Sweeper:
    """One pass at a time, in the one process that leads."""

    def __init__(self, pool: Pool, objects: ObjectStore, settings: ImagesSettings) -> None:
        self._pool = pool
        self._objects = objects
        self._settings = settings
        self._channel = 0
        self._after = ""

    async def run(self) -> None:
        """Sweep until cancelled, whenever this process leads."""
        await lead(self._pool, LOCK, self.sweep, every_seconds=self._settings.image_sweep_seconds)

    async def sweep(self, connection: asyncpg.Connection) -> None:
        """One pass: expire, claim what is unused or unknown, delete what is claimed."""
        expired = await self._expire(connection)
        try:
            await self._claim_strangers(connection)
            deleted = await self._delete_unused(connection)
        except ObjectStoreUnavailableError as error:
            log.warning("unused images are left for now", error=str(error))
            return
        if expired or deleted:
            log.info("swept uploads", expired=expired, deleted=deleted)

    async def _expire(self, connection: asyncpg.Connection) -> int:
        batch, total = self._settings.image_sweep_batch, 0
        while True:
            expired = await store.expire(connection, batch)
            total += expired
            _EXPIRED.inc(expired)
            if expired < batch:
                return total

    async def _delete_unused(self, connection: asyncpg.Connection) -> int:
        batch, total = self._settings.image_sweep_batch, 0
        while True:
            claimed = await store.claim_unused(
                connection, self._settings.orphan_grace_seconds, batch
            )
            if claimed:
                await self._objects.delete(claimed)
                await store.forget(connection, claimed)
            total += len(claimed)
            _SWEPT.inc(len(claimed))
            if len(claimed) < batch:
                return total

    async def _claim_strangers(self, connection: asyncpg.Connection) -> None:
        """Claim old objects that have no record, one page of the bucket a pass.

        Passes go round through the channels; where the last one stopped is only remembered in
        memory, a new leader starts over.
        """
        age = self._settings.upload_seconds + self._settings.orphan_grace_seconds
        page = await self._objects.list(
            f"{CHANNELS[self._channel]}/",
            older_than=datetime.now(UTC) - timedelta(seconds=age),
            after=self._after,
            limit=self._settings.image_sweep_batch,
        )
        if page.last_key is None:
            self._channel, self._after = (self._channel + 1) % len(CHANNELS), ""
        else:
            self._after = page.last_key
        ours = {item.key: key.channel for item in page.objects if (key := _image_key(item.key))}
        if ours:
            unknown = await store.claim_unknown(connection, ours, DEFAULT)
            if unknown:
                log.warning("found images without a record", count=len(unknown))


def _image_key(text: str) -> ImageKey | None:
    """The image of that key; None for something else in the bucket, which is left alone."""
    try:
        return ImageKey.parse(text)
    except ValueError:
        return None

"""Bringing a file of places into the location domain, as its client.

Rows are read and classified here and staged in batches; nothing is visible before the commit at the
end, so an import that breaks off, for whatever reason, has changed nothing and is simply run again.
"""

from __future__ import annotations

import asyncio
import csv
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import grpc.aio
from eco2.location.v1 import imported_place_pb2 as place_pb
from eco2.location.v1 import location_service_pb2 as pb
from eco2.location.v1.location_service_pb2_grpc import LocationServiceStub

from services.location.opening import Hours
from services.location.place import Place
from services.location.sources.layouts import Row, rows
from services.runtime.context import CHANNEL_OPTIONS

BATCH: Final = 500
"""Places a call: some 500 kB, and a pause of about 10 ms in a server that has other calls too."""
TURN: Final = 50
"""Places read before the call under way has its turn, some 5 ms: one that never had it would only
be sent once the next batch is read, and the two cores would take turns."""
STAGE_SECONDS: Final = 30.0
COMMIT_SECONDS: Final = 300.0
DISCARD_SECONDS: Final = 5.0


class ImportGivenUpError(Exception):
    """Nothing was imported; the message says why."""


@dataclass(slots=True)
class Counts:
    """What became of the rows of a file, and of the places."""

    rows: int = 0
    rejected: int = 0
    repaired: int = 0
    """Taken, after something was put right."""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0


class Report(AbstractContextManager["Report"]):
    """A CSV file of the rows that were rejected or repaired; made with the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._writer: Any = None
        path.unlink(missing_ok=True)  # of an earlier run

    def add(self, line: int, key: str, outcome: str, reason: str) -> None:
        """Note a row."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file, lineterminator="\n")
            self._writer.writerow(("line", "key", "outcome", "reason"))
        self._writer.writerow((line, key, outcome, reason))

    @property
    def written(self) -> bool:
        """Whether there is anything in it."""
        return self._file is not None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(kw_only=True)
class PlaceImport:
    """One run over one file."""

    path: Path
    source: str
    encoding: str
    report: Report
    most_rejects: int
    most_places: int
    remove_missing: bool = False
    progress: Callable[[int], None] = lambda read: None
    """Told how many bytes of the file were read."""
    counts: Counts = field(default_factory=Counts)

    async def run(self, target: str) -> Counts:
        """Import through the server at `target`.

        ImportGivenUpError, NotThisLayoutError and AioRpcError leave everything as it was.
        """
        import_id = str(uuid.uuid4())
        async with grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS) as channel:
            stub = LocationServiceStub(channel)
            try:
                await self._stage(stub, import_id)
                await self._commit(stub, import_id)
            except BaseException:
                await _discard(stub, import_id)
                raise
        return self.counts

    async def _stage(self, stub: Any, import_id: str) -> None:
        """Stage the file; the next batch is read while one is on its way."""
        under_way: asyncio.Task[None] | None = None
        places = self._places()
        try:
            while batch := await _next_batch(places):
                if under_way is not None:
                    await asyncio.shield(under_way)
                under_way = asyncio.create_task(self._send(stub, import_id, batch))
            if under_way is None:
                raise ImportGivenUpError("the file has no row that could be imported")
            await asyncio.shield(under_way)
        except BaseException:
            # What arrives after all has been discarded would stay.
            if under_way is not None and not under_way.done():
                await asyncio.wait({under_way}, timeout=DISCARD_SECONDS)
            if under_way is not None and under_way.done() and not under_way.cancelled():
                under_way.exception()  # the first trouble is the one that is told
            raise

    async def _send(self, stub: Any, import_id: str, batch: list[place_pb.ImportedPlace]) -> None:
        answer = await stub.StagePlaces(
            pb.StagePlacesRequest(import_id=import_id, source=self.source, places=batch),
            timeout=STAGE_SECONDS,
        )
        keys = {place.line: place.source_pk for place in batch}
        for repeated in answer.repeated_keys:
            reason = f"the key stands in line {repeated.first_line} already"
            self._reject(repeated.line, keys[repeated.line], reason)

    async def _commit(self, stub: Any, import_id: str) -> None:
        done = await stub.CommitImport(
            pb.CommitImportRequest(
                import_id=import_id,
                expected_places=self.counts.rows - self.counts.rejected,
                remove_missing=self.remove_missing,
            ),
            timeout=COMMIT_SECONDS,
        )
        counts = self.counts
        counts.inserted, counts.updated = done.inserted, done.updated
        counts.unchanged, counts.removed = done.unchanged, done.removed

    def _places(self) -> Iterator[place_pb.ImportedPlace]:
        for row in rows(self.path, self.source, self.encoding, self.progress):
            self.counts.rows += 1
            if row.place is None:
                self._reject(row.line, row.key, row.remark)
                continue
            if row.remark:
                self.counts.repaired += 1
                self.report.add(row.line, row.key, "repaired", row.remark)
            if self.counts.rows - self.counts.rejected > self.most_places:
                raise ImportGivenUpError(
                    f"the file has more than {self.most_places:,} places; see --max-places"
                )
            yield _message(row, row.place)

    def _reject(self, line: int, key: str, reason: str) -> None:
        self.counts.rejected += 1
        self.report.add(line, key, "rejected", reason)
        if self.counts.rejected > self.most_rejects:
            raise ImportGivenUpError(
                f"more than {self.most_rejects:,} rows can't be used, the last one in line {line}: "
                f"{reason}; see --max-rejects"
            )


async def _next_batch(places: Iterator[place_pb.ImportedPlace]) -> list[place_pb.ImportedPlace]:
    """The next places, fewer at the end; other work has its turn meanwhile."""
    batch: list[place_pb.ImportedPlace] = []
    while len(batch) < BATCH and (read := list(islice(places, TURN))):
        batch += read
        await asyncio.sleep(0)
    return batch


async def _discard(stub: Any, import_id: str) -> None:
    """Drop what was staged, if the server is there; it drops it later by itself otherwise."""
    try:
        await stub.DiscardImport(
            pb.DiscardImportRequest(import_id=import_id), timeout=DISCARD_SECONDS
        )
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        return


def _message(row: Row, place: Place) -> place_pb.ImportedPlace:
    return place_pb.ImportedPlace(
        source_pk=place.source_pk,
        line=row.line,
        name=place.name,
        road_address=place.road_address,
        lot_address=place.lot_address,
        latitude=place.point.latitude,
        longitude=place.point.longitude,
        store_category=place.store_category,
        pickup_categories=place.pickup_categories,
        phone=place.phone,
        hours=_hours_message(place.hours) if place.hours is not None else None,
        collection_items=place.collection_items,
        introduction=place.introduction,
    )


@lru_cache(maxsize=4096)
def _hours_message(hours: Hours) -> place_pb.OpeningHours:
    return place_pb.OpeningHours(
        days=hours.days,
        public_holidays=hours.public_holidays,
        closed_from=hours.closed_from,
        closed_to=hours.closed_to,
    )

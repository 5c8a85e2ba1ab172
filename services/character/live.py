"""The catalogue in the memory of this process, which answers every question.

It begins as the catalogue of the release. Statements from the topic, the database or a
synchronisation at this replica make it current; of two statements about a character the one of the
higher revision holds, whatever it came by. Statements of one change come one by one, so what they
add up to is shown only when it keeps the catalogue's rules; until then the last one that did stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from eco2.pipeline.v1.character_catalogue_pb2 import CharacterStated
from google.protobuf.message import DecodeError
from prometheus_client import Counter, Gauge

from services.character.catalogue import Catalogue, CatalogueError
from services.character.changes import Stated, in_order
from services.runtime import logs

log = logs.get(__name__)

REVISION: Final = Gauge(
    "character_catalogue_revision", "Revision that answers are given from; 0: the release's."
)
CONNECTED: Final = Gauge("character_catalogue_connected", "1 while the topic is being read.")
UNREADABLE: Final = Counter(
    "character_catalogue_unreadable_total", "Records of the topic that could not be read."
)


class LiveCatalogue:
    """The catalogue as this process knows it; a reader of the topic ``character.catalogue``."""

    def __init__(self, released: Catalogue) -> None:
        self._catalogue = released
        self._stated: dict[str, Stated] = {}
        self._in_topic: dict[str, int] = {}
        self.caught_up = asyncio.Event()
        """Set once everything that was in the topic has been read."""

    @property
    def current(self) -> Catalogue:
        """What holds now."""
        return self._catalogue

    @property
    def in_topic(self) -> Mapping[str, int]:
        """Revision of the topic's last record about each character, which outlives compaction."""
        return self._in_topic

    def learn(self, statements: Iterable[Stated]) -> None:
        """Take statements in, in any order and any number of times."""
        changed = False
        for stated in statements:
            known = self._stated.get(stated.character.code)
            if known is None or known.revision < stated.revision:
                self._stated[stated.character.code] = stated
                changed = True
        if changed:
            self._show()

    def _show(self) -> None:
        try:
            self._catalogue = Catalogue.of(in_order(self._stated.values()))
        except CatalogueError as error:  # half of a change; the rest is on its way
            log.info("the catalogue is not whole yet", problem=str(error.problems[0]))
            return
        revision = max(each.revision for each in self._stated.values())
        REVISION.set(revision)
        log.info("catalogue", revision=revision, characters=len(self._catalogue.characters))

    def connected(self, connected: bool) -> None:
        """Brokers have been found, or lost."""
        CONNECTED.set(connected)

    def take(self, records: Sequence[Any]) -> None:
        """Learn what records of the topic state."""
        told: list[Stated] = []
        for record in records:
            try:
                stated = Stated.of(CharacterStated.FromString(record.value or b""))
            except DecodeError:
                stated = None
            if stated is None or not stated.character.code:
                UNREADABLE.inc()
                log.error("a character can't be read", offset=record.offset)
                continue
            self._in_topic[stated.character.code] = stated.revision
            told.append(stated)
        self.learn(told)

    def complete(self, at: float) -> None:
        """Everything the topic held is known."""
        self.caught_up.set()

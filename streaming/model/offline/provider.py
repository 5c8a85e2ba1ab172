"""The provider without a key: reads the print, matches the words, quotes the rules."""

from __future__ import annotations

import time
from typing import Final

from streaming.knowledge import Knowledge, RuleDocument, situations
from streaming.model.offline import lexicon, words
from streaming.model.offline.answer import UNCLASSIFIED, worded
from streaming.model.offline.options import OfflineOptions
from streaming.model.offline.reader import Reader, Reading
from streaming.model.offline.tesseract import Tesseract
from streaming.model.provider import Answer, Image, ModelRejected, Usage, Vision

MOST_WORDS: Final = 1000
"""Characters of the user's words that are looked at."""


class OfflineProvider:
    """Reads recycling marks and label words; knows no shapes. Needs tesseract with ``kor``."""

    def __init__(self, knowledge: Knowledge, options: OfflineOptions | None = None) -> None:
        options = options or OfflineOptions()
        self._knowledge = knowledge
        self._lexicon = lexicon.load()
        self._tesseract = Tesseract(options)
        self._reader = Reader(self._tesseract, self._lexicon, options)
        self._model = f"offline-{self._lexicon.version}"

    @property
    def name(self) -> str:
        """``offline``."""
        return "offline"

    async def check(self) -> None:
        """Raise ModelUnavailable, saying what to install, unless tesseract can be used."""
        await self._tesseract.check()

    async def read(self, image: Image) -> Reading:
        """What stands on the photo, before the user's words are taken into account.

        Raises ModelRejected (not a picture), ModelUnavailable (no tesseract) or ModelTimeout.
        """
        if image.data is None:
            raise ModelRejected("the offline reader needs the bytes of the photo, not its URL")
        return await self._reader.read(image.data)

    async def vision(self, image: Image, question: str) -> Vision:
        """Class and item from the print on the photo and the user's words.

        ``미분류`` with the tag ``미분류_전체`` when neither tells; minor None with the tag
        ``미분류_소분류`` when only the class is certain. Raises as :meth:`read` does.
        """
        started = time.monotonic()
        question = question[:MOST_WORDS]
        match = self._knowledge.match(question)
        reading = await self.read(image)
        seen = reading.verdict.middle
        if words.is_about_a_part(match, question, self._lexicon.parts, seen):
            match = words.NOTHING
        told = words.combined(reading.verdict, self._lexicon.classes, match)
        unclassified = self._knowledge.taxonomy.unclassified
        said = situations.tags_said(question)
        usage = Usage(latency_seconds=time.monotonic() - started)
        if told is None:
            return Vision(
                major=unclassified.major,
                middle=unclassified.major,
                minor=None,
                situation_tags=(*said, unclassified.all_tag),
                confidence=reading.verdict.confidence,
                usage=usage,
                model=self._model,
                prompt_version=self._lexicon.version,
            )
        item = told.item
        tags = (*situations.tags_of(item.middle, item.minor), *said)
        if item.minor is None and item.middle in self._lexicon.classes:
            tags = (*tags, unclassified.minor_tag)
        return Vision(
            major=item.major,
            middle=item.middle,
            minor=item.minor,
            situation_tags=tuple(dict.fromkeys(tags)),
            confidence=told.confidence,
            usage=usage,
            model=self._model,
            prompt_version=self._lexicon.version,
        )

    async def answer(self, vision: Vision, rule: RuleDocument | None, question: str) -> Answer:
        """Steps and a short answer from the rule document; no model is asked."""
        started = time.monotonic()
        wording = worded(vision, rule, question[:MOST_WORDS], self._knowledge)
        return Answer(
            disposal_steps=wording.steps,
            insufficiencies=wording.insufficiencies,
            user_answer=wording.user_answer,
            usage=Usage(latency_seconds=time.monotonic() - started),
            model=self._model,
            prompt_version=self._lexicon.version,
        )

    async def close(self) -> None:
        """Nothing outlives a call: children end with the call that started them."""


__all__ = ["UNCLASSIFIED", "OfflineOptions", "OfflineProvider"]

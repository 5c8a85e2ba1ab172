"""Looks at a photo in one way after the other until what was read tells its class."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from streaming.model.offline.effort import Effort
from streaming.model.offline.evidence import Evidence, Verdict
from streaming.model.offline.lexicon import Lexicon
from streaming.model.offline.match import hits, lines
from streaming.model.offline.options import OfflineOptions
from streaming.model.offline.tesseract import Tesseract, Word
from streaming.model.offline.views import Photo, View
from streaming.model.provider import ModelTimeout

_SURE_WORD: Final = 0.85
READABLE_SYLLABLES: Final = 6
"""Syllables read with confidence from which print counts as the right way up. On the pictures to
tune on upright print gave 10–50 of them and upside-down print 0–7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a photo told."""

    verdict: Verdict
    terms: tuple[str, ...]
    """Terms of the lexicon that were read, the clearest first."""

    views: tuple[str, ...]
    """Ways of looking that were tried."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Way:
    """An angle, and how well print reads at it."""

    degrees: float
    syllables: int

    @property
    def readable(self) -> bool:
        """Whether print surely stands upright at it."""
        return self.syllables >= READABLE_SYLLABLES


_LEAST_RUN_SECONDS: Final = 1.0
"""A run may take half of the CPU time that is left, so that another view gets a chance, but this
much at least."""


def sure_syllables(words: Sequence[Word]) -> int:
    """How many Hangul syllables tesseract is confident about."""
    return sum(
        sum("가" <= sign <= "힣" for sign in word.text)
        for word in words
        if word.confidence >= _SURE_WORD
    )


class Reader:
    """Reads photos, at most `concurrency` at a time; a photo gets about `budget_seconds` of CPU
    time, and at most `patience_seconds` to get them in.
    """

    def __init__(self, tesseract: Tesseract, lexicon: Lexicon, options: OfflineOptions) -> None:
        self._tesseract = tesseract
        self._lexicon = lexicon
        self._options = options
        self._places = asyncio.Semaphore(options.concurrency)

    async def read(self, data: bytes) -> Reading:
        """The print on the photo and what it tells.

        Raises ModelRejected (no picture), ModelUnavailable (no tesseract), or ModelTimeout when
        not even one view could be read in time.
        """
        async with self._places:
            started = time.monotonic()
            options = self._options
            effort = Effort(options.budget_seconds, started + options.patience_seconds)
            photo = await effort.in_thread(partial(Photo.unpacked, data))
            search = _Search(self._tesseract, self._lexicon, effort)
            await search.run(photo)
        return Reading(
            verdict=search.evidence.verdict(),
            terms=tuple(sorted(search.evidence.terms, key=lambda t: -search.evidence.terms[t])),
            views=tuple(search.tried),
            seconds=time.monotonic() - started,
        )


class _Search:
    """One photo's way through the views."""

    def __init__(self, tesseract: Tesseract, lexicon: Lexicon, effort: Effort) -> None:
        self._tesseract = tesseract
        self._lexicon = lexicon
        self._effort = effort
        self.evidence = Evidence()
        self.tried: list[str] = []
        self._timed_out: ModelTimeout | None = None

    async def run(self, photo: Photo) -> None:
        """Try views until the evidence decides, the effort is spent or nothing is left to try."""
        async for _ in self._looks(photo):
            if self.evidence.verdict().decisive or self._effort.is_spent:
                break
        if not self.tried and self._timed_out is not None:
            raise self._timed_out

    async def _looks(self, photo: Photo) -> AsyncIterator[None]:
        best = _Way(photo.slants[0], -1)
        for slant in photo.slants:
            for degrees in (slant, slant + 180):
                way = _Way(degrees, await self._syllables(partial(photo.levelled, degrees)))
                best = max(best, way, key=lambda one: one.syllables)
                yield
                if best.readable:
                    break
            if best.readable:
                break
        sheets: list[Callable[[float], View | None]] = [
            photo.words,
            photo.letters,
            partial(photo.words, sharpened=True),
        ]
        for sheet in sheets:
            await self._syllables(partial(sheet, best.degrees))
            yield
        async for _ in self._straightened(photo, best):
            yield
        # what read well enough may still have been upside down: 를 and 늘 look alike that way
        turned_over: list[Callable[[float], View | None]] = [photo.levelled, photo.words]
        for view in turned_over:
            await self._syllables(partial(view, best.degrees + 180))
            yield
        if not best.readable:
            await self._syllables(photo.whole)
            yield
        await self._syllables(partial(photo.enlarged, best.degrees))
        yield

    async def _straightened(self, photo: Photo, best: _Way) -> AsyncIterator[None]:
        """Look at the label from the front; it may come out of it lying on any side."""
        flat = await self._effort.in_thread(photo.straightened)
        if flat is None:
            return
        slant = flat.slants[0]
        for degrees in (slant, slant + 180):
            found = await self._syllables(partial(flat.levelled, degrees))
            yield
            if found >= min(READABLE_SYLLABLES, max(1, best.syllables)):
                await self._syllables(partial(flat.words, degrees))
                yield
                break

    async def _syllables(self, make: Callable[[], View | None]) -> int:
        """Read one view, add what it shows to the evidence; its confident syllables."""
        view = await self._effort.in_thread(make)
        if view is None or view.name in self.tried:
            return 0
        try:
            with self._effort.of_children():
                words = await self._tesseract.read(
                    view.png,
                    layout=view.layout,
                    cpu_seconds=max(_LEAST_RUN_SECONDS, self._effort.left / 2),
                    within_seconds=max(_LEAST_RUN_SECONDS, self._effort.patience),
                )
        except ModelTimeout as failure:
            self._timed_out = failure  # texture read as text; another view may be quicker
            return 0
        self.tried.append(view.name)
        self.evidence.add(hits(lines(words), self._lexicon))
        return sure_syllables(words)

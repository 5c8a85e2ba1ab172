"""Measures the offline reader on drawn packages whose class is known."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streaming.model.offline.evidence import Verdict
from streaming.model.offline.lexicon import load
from streaming.model.offline.options import OfflineOptions
from streaming.model.offline.reader import Reader, Reading
from streaming.model.offline.tesseract import Tesseract
from streaming.model.provider import ModelTimeout
from tests.bench.offline_vision.generator import UNREADABLE, Plan, Sample, draw


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the reader said about a picture."""

    sample: str
    kind: str
    degraded: bool
    expected: str
    expected_minor: str | None
    got: str
    got_minor: str | None
    confidence: float
    score: float
    lead: float
    seconds: float
    views: int
    terms: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether the class is the one that was printed."""
        return self.got == self.expected

    @property
    def wrong(self) -> bool:
        """Whether a class was named and it is not the one that was printed."""
        return self.got not in (UNREADABLE, self.expected)


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of how many."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        """0–1; 0 of nothing is 0."""
        return self.hits / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.rate:6.1%} ({self.hits}/{self.of})"


def share(outcomes: Iterable[Outcome], test: Callable[[Outcome], bool]) -> Share:
    """How many of the outcomes pass the test."""
    listed = list(outcomes)
    return Share(hits=sum(test(one) for one in listed), of=len(listed))


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of one run. Accuracy is over pictures that say something; a wrong class is
    counted over all pictures, those with nothing to read included.
    """

    outcomes: Sequence[Outcome]

    def _readable(self, *, degraded: bool) -> list[Outcome]:
        return [
            one for one in self.outcomes if one.expected != UNREADABLE and one.degraded is degraded
        ]

    @property
    def clean(self) -> Share:
        """Right class on clean pictures."""
        return share(self._readable(degraded=False), lambda one: one.right)

    @property
    def degraded(self) -> Share:
        """Right class on damaged pictures."""
        return share(self._readable(degraded=True), lambda one: one.right)

    @property
    def confidently_wrong(self) -> Share:
        """A class was named, and not the right one. (Unsure means 미분류: every class that is
        named counts as confident, whatever number stands beside it.)
        """
        return share(self.outcomes, lambda one: one.wrong)

    @property
    def honest(self) -> Share:
        """미분류 on pictures with nothing to read."""
        nothing = [one for one in self.outcomes if one.expected == UNREADABLE]
        return share(nothing, lambda one: one.right)

    @property
    def minors(self) -> Share:
        """Right item, where the print names one and the class was right."""
        named = [one for one in self.outcomes if one.right and one.expected_minor]
        return share(named, lambda one: one.got_minor == one.expected_minor)

    def by(self, key: Callable[[Outcome], str]) -> dict[str, list[Outcome]]:
        """Outcomes grouped, in the order they came."""
        groups: dict[str, list[Outcome]] = defaultdict(list)
        for one in self.outcomes:
            groups[key(one)].append(one)
        return dict(groups)

    def seconds(self, quantile: float, *, degraded: bool) -> float:
        """Wall time per picture at the quantile."""
        times = sorted(one.seconds for one in self.outcomes if one.degraded is degraded)
        if not times:
            return 0.0
        return times[min(len(times) - 1, int(quantile * len(times)))]


def _outcome(sample: Sample, reading: Reading) -> Outcome:
    verdict = reading.verdict
    return Outcome(
        sample=sample.name,
        kind=sample.kind,
        degraded=sample.degraded,
        expected=sample.middle,
        expected_minor=sample.minor,
        got=verdict.middle or UNREADABLE,
        got_minor=verdict.minor,
        confidence=verdict.confidence,
        score=verdict.score,
        lead=verdict.lead,
        seconds=reading.seconds,
        views=len(reading.views),
        terms=reading.terms,
    )


async def _read(reader: Reader, sample: Sample) -> Reading:
    """The reading; running out of time tells nothing, as it would in the service."""
    started = time.monotonic()
    try:
        return await reader.read(sample.jpeg)
    except ModelTimeout:
        nothing = Verdict(middle=None, minor=None, confidence=0.0, score=0.0, lead=0.0)
        seconds = time.monotonic() - started
        return Reading(verdict=nothing, terms=("(timed out)",), views=(), seconds=seconds)


async def run(
    plans: Sequence[Plan],
    *,
    options: OfflineOptions,
    save: Path | None = None,
    each: Callable[[Outcome], None] = lambda _: None,
) -> tuple[Report, float]:
    """Draw and read every plan, so many at a time; the report and the wall seconds it took."""
    tesseract = Tesseract(options)
    await tesseract.check()
    reader = Reader(tesseract, load(), options)
    waiting: asyncio.Queue[Plan] = asyncio.Queue()
    for plan in plans:
        waiting.put_nowait(plan)
    outcomes: dict[Plan, Outcome] = {}

    async def work() -> None:
        while not waiting.empty():
            plan = waiting.get_nowait()
            sample = await asyncio.to_thread(draw, plan)
            if save is not None:
                await asyncio.to_thread((save / f"{sample.name}.jpg").write_bytes, sample.jpeg)
            outcomes[plan] = _outcome(sample, await _read(reader, sample))
            each(outcomes[plan])

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(options.concurrency):
            group.create_task(work())
    return Report(outcomes=[outcomes[plan] for plan in plans]), time.monotonic() - started

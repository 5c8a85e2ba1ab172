"""Virtual users: submit, watch until done, fetch the result, again."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.bench.scan_client import ConnectionLostError, Event, Phone

STREAM_SECONDS: Final = 320.0
"""Longest stream: the server ends it after 300 s."""

EXPECTED: Final = (
    ("queued", "started"),
    ("vision", "started"),
    ("vision", "completed"),
    ("rule", "started"),
    ("rule", "completed"),
    ("answer", "started"),
    ("answer", "completed"),
    ("reward", "started"),
    ("reward", "completed"),
    ("done", "completed"),
)


@dataclass(slots=True)
class Scan:
    """One scan as its user saw it; times are ``time.monotonic``."""

    submitted_at: float
    accepted_at: float = 0.0
    job_id: str = ""
    done_at: float = 0.0
    fetched_at: float = 0.0
    outcome: str = ""
    """``completed``, ``refused``, ``failed``, ``unread`` (done, but no result), ``cut_off``."""
    duplicates: int = 0
    missing: int = 0
    disordered: int = 0
    reconnects: int = 0


@dataclass(slots=True)
class Load:
    """All scans of all users."""

    port: int
    stop_at: float
    scans: list[Scan] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    async def user(self, token: str, image_url: str, delay_seconds: float) -> None:
        """One user, from `delay_seconds` on until the load stops; the last scan is seen through."""
        await asyncio.sleep(delay_seconds)
        phone = Phone(self.port, token)
        while time.monotonic() < self.stop_at:
            scan = Scan(time.monotonic())
            self.scans.append(scan)
            try:
                await self._scan(phone, scan, image_url)
            except (ConnectionLostError, TimeoutError, ValueError, KeyError) as error:
                scan.outcome = scan.outcome or "cut_off"
                self.problems[f"{type(error).__name__}: {error}"[:100]] += 1
                await phone.close()
            if scan.outcome != "completed":
                await asyncio.sleep(0.5)  # a user who sees an error does not hammer
        await phone.close()

    async def _scan(self, phone: Phone, scan: Scan, image_url: str) -> None:
        status, answer = await phone.post("/api/v1/scan", {"image_url": image_url})
        scan.accepted_at = time.monotonic()
        if status != 200:
            scan.outcome = "refused"
            self.problems[f"submit {status}: {answer}"[:160]] += 1
            return
        scan.job_id = answer["job_id"]
        events = await self._watch(phone, scan, answer["stream_url"])
        seen = [(event.name, event.status) for event in events]
        scan.duplicates = len(seen) - len(set(seen))
        scan.missing = len(set(EXPECTED) - set(seen))
        numbers = [event.seq for event in events]
        scan.disordered = sum(b <= a for a, b in itertools.pairwise(numbers))
        if not seen or seen[-1] != EXPECTED[-1]:
            scan.outcome = "failed"
            return
        scan.done_at = time.monotonic()
        status, result = await phone.get(answer["result_url"])
        scan.fetched_at = time.monotonic()
        good = status == 200 and result["status"] == "completed" and result["pipeline_result"]
        scan.outcome = "completed" if good else "unread"

    async def _watch(self, phone: Phone, scan: Scan, path: str) -> list[Event]:
        """Every event until the stream's last one, across reconnects."""
        events: list[Event] = []
        until = time.monotonic() + STREAM_SECONDS
        while time.monotonic() < until:
            last_id = events[-1].id if events else ""
            with contextlib.suppress(ConnectionLostError):
                async with asyncio.timeout(STREAM_SECONDS):
                    async for event in phone.events(path, last_id):
                        events.append(event)  # noqa: PERF401 - kept even when the stream breaks off
            if events and (events[-1].name == "done" or events[-1].status == "failed"):
                return events
            scan.reconnects += 1
            await phone.close()
            await asyncio.sleep(0.2)
        raise TimeoutError("the stream never ended")

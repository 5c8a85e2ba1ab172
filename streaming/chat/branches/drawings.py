"""Pictures that were paid for, until they are stored: neither a try nor a worker pays again."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.runtime import logs
from streaming.model.tools import DRAW, Drawing
from streaming.progress.checkpoint import Checkpoints
from streaming.progress.scripts import ProgressUnavailable

log = logs.get(__name__)

MOST: Final = 16
"""Pictures kept in memory; 160 MB at the worst, about 2 MB as they come."""

KEPT_SECONDS: Final = 120
"""How long Redis keeps one: until the turn of a worker that was killed is with another one and has
got as far. That takes a lease and a session of the consumer group, less than a minute together."""


class Drawings:
    """Keeps the picture of a turn in memory, for the next try, and in Redis, for another worker."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._here: dict[str, Drawing] = {}

    async def find(self, job_id: str) -> Drawing | None:
        """What was drawn for a turn; None when nothing was, or Redis does not say."""
        drawing = self._here.get(job_id)
        if drawing is not None:
            return drawing
        try:
            kept = await self._checkpoints.get(job_id, DRAW)
        except ProgressUnavailable as error:
            log.warning("drawing without knowing whether it was done before", error=str(error))
            return None
        return None if kept is None else from_bytes(kept)

    async def keep(self, job_id: str, drawing: Drawing) -> None:
        """Keep a picture, first thing after it has arrived."""
        self._here[job_id] = drawing
        while len(self._here) > MOST:
            lost = next(iter(self._here))
            log.warning("a picture was not stored", job_id=lost)
            del self._here[lost]
        try:
            await self._checkpoints.put(job_id, DRAW, to_bytes(drawing), KEPT_SECONDS)
        except ProgressUnavailable as error:
            log.warning("a picture is kept by this process alone", error=str(error))

    def forget(self, job_id: str) -> Drawing | None:
        """Let go of a picture here; what this process still had of it. Redis keeps its copy until
        the turn's own checkpoint has certainly been written.
        """
        return self._here.pop(job_id, None)


_ADAPTER: Final = TypeAdapter(Drawing)


def to_bytes(drawing: Drawing) -> bytes:
    """A line about the picture, and the picture."""
    return _ADAPTER.dump_json(replace(drawing, data=b"")) + b"\n" + drawing.data


def from_bytes(kept: bytes) -> Drawing | None:
    """What :func:`to_bytes` made; None when it is not of this version."""
    head, _, data = kept.partition(b"\n")
    try:
        return replace(_ADAPTER.validate_json(head), data=data)
    except ValidationError:
        return None

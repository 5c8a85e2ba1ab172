"""What the offline reader may take, stated once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineOptions:
    """How much the reader may take."""

    binary: str = "tesseract"
    """Name or path of the tesseract binary."""

    concurrency: int = 2
    """Photos worked on at a time; each keeps about one core busy."""

    budget_seconds: float = 10.0
    """CPU time after which no further view of a photo is tried; what was read until then decides. A
    clear photo takes about 0.4 s and the hardest about 7. CPU time, because a busy machine needs
    more of any other for the same work: what was given up there was begun anew, and ended the same
    way."""

    run_seconds: float = 8.0
    """CPU time of the longest single run of tesseract."""

    patience_seconds: float = 25.0
    """Time after which a photo is given up however little CPU it got: a user waits, and a chat
    allows 30 s."""

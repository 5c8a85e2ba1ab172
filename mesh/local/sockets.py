"""Unix sockets, through which our processes reach what runs beside them for less than over TCP."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MOST_BYTES: Final = 107
"""Longest path of a socket: ``sun_path`` of unix(7), without the byte that ends it."""


def usable(path: Path) -> bool:
    """Whether a socket can have this path."""
    return len(str(path).encode()) <= MOST_BYTES

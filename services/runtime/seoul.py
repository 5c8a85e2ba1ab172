"""Korea's clock, by which days and hours are told whatever the zone of the machine."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Final

SEOUL: Final = timezone(timedelta(hours=9), "KST")
"""Korea has had no summer time since 1988, so a fixed offset is Asia/Seoul."""

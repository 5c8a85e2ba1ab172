"""A place, as sources tell of it and as it is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.location.geo import Point
from services.location.opening import Hours

KECO = "keco"
"""Sites that pay for recyclables, of the Korea Environment Corporation."""
ZEROWASTE = "zerowaste"
"""A community's map of shops without packaging."""
KAKAO = "kakao"
"""Places of the map service; never kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One row of a data set, read and classified."""

    source_pk: str
    name: str
    point: Point
    store_category: str
    pickup_categories: tuple[str, ...]
    road_address: str | None = None
    lot_address: str | None = None
    phone: str | None = None
    hours: Hours | None = None
    collection_items: str | None = None
    introduction: str | None = None

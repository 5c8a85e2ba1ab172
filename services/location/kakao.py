"""Kakao Local, the map service: searching places by keyword.

https://developers.kakao.com/docs/latest/ko/local/dev-guide#search-by-keyword: at most 15 places a
page, a radius of at most 20 km, degrees as text with x for longitude.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.location.geo import Point
from services.location.settings import LocationSettings
from services.runtime.context import ProcessContext
from services.runtime.outbound import Outbound, OutboundInvalid, Policy, client

PATH: Final = "/v2/local/search/keyword.json"
MOST_PLACES: Final = 15
MOST_RADIUS_M: Final = 20_000


@dataclass(frozen=True, slots=True)
class KakaoPlace:
    """A place of the map service."""

    id: str
    name: str
    point: Point
    road_address: str | None
    lot_address: str | None
    phone: str | None
    url: str | None


class KakaoLocal:
    """Asks the map service; every method may raise an OutboundError."""

    def __init__(self, http: Outbound, settings: LocationSettings) -> None:
        self._http = http
        self._url = settings.kakao_local_url.rstrip("/") + PATH
        self._headers = {"Authorization": f"KakaoAK {settings.kakao_rest_key.get_secret_value()}"}

    async def best(self, words: str, limit: int = 1) -> list[KakaoPlace]:
        """The places that fit best, best first."""
        return await self._ask({"query": words, "size": str(limit), "sort": "accuracy"})

    async def around(
        self, words: str, centre: Point, radius_m: int, limit: int
    ) -> list[KakaoPlace]:
        """The places that fit within a radius, nearest first."""
        return await self._ask(
            {
                "query": words,
                "x": f"{centre.longitude:.7f}",
                "y": f"{centre.latitude:.7f}",
                "radius": str(min(radius_m, MOST_RADIUS_M)),
                "size": str(min(limit, MOST_PLACES)),
                "sort": "distance",
            }
        )

    async def _ask(self, params: Mapping[str, str]) -> list[KakaoPlace]:
        answer = await self._http.get_json(self._url, params=params, headers=self._headers)
        documents = answer.get("documents") if isinstance(answer, dict) else None
        if not isinstance(documents, list):
            raise OutboundInvalid("kakao: the answer has no documents")
        return [place for each in documents if (place := read(each)) is not None]


async def connect(context: ProcessContext, settings: LocationSettings) -> KakaoLocal | None:
    """The adapter; None without a key."""
    if not settings.kakao_rest_key.get_secret_value():
        return None
    policy = Policy(
        name="kakao",
        timeout_seconds=settings.kakao_timeout_seconds,
        attempts=1,  # people wait and type on: our own places are the second attempt
        max_bytes=200_000,
        cache_seconds=settings.kakao_cache_seconds,
    )
    return KakaoLocal(await client(context, policy), settings)


def read(document: Any) -> KakaoPlace | None:
    """A place of an answer; None when it has no id, no name or no point."""
    if not isinstance(document, dict):
        return None
    key, name = _text(document, "id"), _text(document, "place_name")
    try:
        point = Point(float(document["y"]), float(document["x"]))
    except (KeyError, TypeError, ValueError):
        return None
    valid = math.isfinite(point.latitude) and math.isfinite(point.longitude)
    if not (key and name and valid and abs(point.latitude) <= 90 and abs(point.longitude) <= 180):
        return None
    return KakaoPlace(
        id=key,
        name=name,
        point=point,
        road_address=_text(document, "road_address_name"),
        lot_address=_text(document, "address_name"),
        phone=_text(document, "phone"),
        url=_web_address(_text(document, "place_url")),
    )


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _web_address(text: str | None) -> str | None:
    """The URL when it is one a browser may follow; the app makes a link of it."""
    return text if text and text.startswith(("http://", "https://")) else None

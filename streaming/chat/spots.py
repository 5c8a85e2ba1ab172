"""The place that a question is asked for, when it names one: 강남역 근처 약국. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from streaming.chat import regions
from streaming.chat.regions import District

_ENDS: Final = (
    "역|동|읍|면|대|대학교|공원|터미널|시장|사거리|로|길|입구|단지|마을|타워|빌딩|병원|학교|"
    "시청|구청|군청"
)
_NEAR: Final = "근처|주변|인근|근방|가까운|가까이|앞|옆"
_NAMED: Final = re.compile(
    rf"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9·]{{1,14}}(?:{_ENDS}))\s*(?:에서\s*|의\s*|하고\s*)?(?:{_NEAR})"
)
_STATION: Final = re.compile(r"(?<![가-힣A-Za-z0-9])([가-힣A-Za-z0-9]{1,10}역)(?=\s|에|의|$)")

_NO_NAME: Final = re.compile(
    r"(?:지|구|권|영|번|내|이|지하철|전철|기차|이\s?근처|가까운)역|바로|서로|따로|새로|도로|대로|가로|세로|"
    r"(?:이|그|저|우리|옆|온|행|활|운|이쪽)동|최대|반대|침대|무대|이대로|그대로|"
    r"(?:우리|저희|이|그|근처|동네|큰|대학|초등|중|고등)?(?:학교|병원|시장|공원|마을|단지|빌딩|타워)|"
    r"(?:우리|저희|이)\S*"
)
"""Words that end as places do, or name one only to who says them."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that is named."""

    name: str
    """As a user reads it, and as it is searched."""
    district: District | None
    """Set when it is one."""
    rest: str
    """The question without it."""

    def is_at(self, name: str, address: str) -> bool:
        """Whether a place of that name and address is there, and not just alike."""
        if self.district is not None:
            return regions.load().district_of(address) == self.district
        return _plain(self.name) in _plain(f"{name} {address}")


def spot_in(question: str) -> Spot | None:
    """The place a question names; None for none, and for one that many share."""
    districts = regions.load().districts_in(question)
    if len(districts) == 1:
        rest = question.replace(districts[0].name, " ", 1)
        return Spot(str(districts[0]), districts[0], rest)
    if districts:
        return None
    for pattern in (_NAMED, _STATION):
        for found in pattern.finditer(question):
            name = found.group(1)
            if not _NO_NAME.fullmatch(name):
                return Spot(name, None, question.replace(name, " ", 1))
    return None


def _plain(text: str) -> str:
    return "".join(text.split())

"""Prices of recyclables: a survey's table by material and region."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict

from streaming.chat.branch import BranchResult, Citation
from streaming.chat.turn import TurnContext

FILE: Final = Path(__file__).parent.parent / "data" / "recyclable_prices.yaml"
MOST_ITEMS: Final = 5

UNKNOWN: Final = (
    "어떤 재활용품의 시세가 궁금하세요? 고철, 알루미늄캔, 골판지처럼 이름을 알려 주세요."
)


class Material(BaseModel):
    """One row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    prices: tuple[int, ...]
    """Won a kilogram, in the order of the regions."""
    synonyms: tuple[str, ...]


class Prices(BaseModel):
    """The data file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    surveyed: str
    provenance: str
    note: str
    regions: dict[str, tuple[str, ...]]
    """Names by region, with the words that mean it; the nationwide one first."""
    broad: dict[str, tuple[str, ...]]
    """Ids by a word that means several materials."""
    materials: tuple[Material, ...]

    def for_question(self, question: str) -> list[Material]:
        """The materials a question names: an exact word first, then a broad one, then a part."""
        plain = question.replace(" ", "").lower()
        by_id = {material.id: material for material in self.materials}
        longest: dict[str, int] = {}
        for material in self.materials:
            for word in (material.name, *material.synonyms):
                if word.lower() in plain:
                    longest[material.id] = max(longest.get(material.id, 0), len(word))
        for word, ids in self.broad.items():
            if word.lower() in plain:
                for each in ids:
                    longest[each] = max(longest.get(each, 0), len(word))
        most = max(longest.values(), default=0)
        best = [by_id[each] for each, length in longest.items() if length == most]
        return best[:MOST_ITEMS]

    def region_of(self, question: str) -> tuple[int, str]:
        """Column and name of the region a question names; the nationwide one for others."""
        for column, (name, words) in enumerate(self.regions.items()):
            if any(word in question for word in words):
                return column, name
        return 0, next(iter(self.regions))


@cache
def load() -> Prices:
    """The data of this release."""
    data = Prices.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    ids: Mapping[str, Material] = {material.id: material for material in data.materials}
    for material in data.materials:
        if len(material.prices) != len(data.regions):
            raise ValueError(f"{material.id}: {len(material.prices)} prices")
    for word, meant in data.broad.items():
        if unknown := set(meant) - set(ids):
            raise ValueError(f"{word}: {unknown}")
    return data


class RecyclablePrice:
    """Answers from the data file."""

    name: Final = "recyclable_price"

    def __init__(self, prices: Prices | None = None) -> None:
        self._prices = prices or load()

    async def run(self, context: TurnContext) -> BranchResult:
        """What the materials a question names are bought for."""
        data = self._prices
        found = data.for_question(context.message)
        if not found:
            return BranchResult(answer=UNKNOWN, quality=0.0)
        column, region = data.region_of(context.message)
        lines = [f"{region} 매입 시세예요 ({data.surveyed} 조사)."]
        lines += [f"- {material.name}: 1kg에 {material.prices[column]:,}원" for material in found]
        lines.append(f"\n{data.note}")
        text = "\n".join(lines)
        return BranchResult(
            context=f"{text}\n출처: {data.provenance}",
            answer=text,
            citations=(Citation("prices", f"재활용품 시세 {data.surveyed}"),),
            metadata={"materials": [material.id for material in found], "region": region},
            quality=1.0,
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That no price can be told."""
        return BranchResult(answer="지금은 시세를 알려 드릴 수 없어요.", available=False)

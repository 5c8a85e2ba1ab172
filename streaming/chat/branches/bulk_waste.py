"""Bulky waste: how it is handed out, and example fees with where they come from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from streaming.chat.branch import BranchResult, Citation
from streaming.chat.branches.districts import Districts
from streaming.chat.turn import TurnContext

FILE: Final = Path(__file__).parent.parent / "data" / "bulk_waste.yaml"
MOST_ITEMS: Final = 6


class Fee(BaseModel):
    """The fee of one thing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    won: int = Field(gt=0)
    words: tuple[str, ...]
    """Words of a question that mean it."""


class Fees(BaseModel):
    """The data file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    district: str
    """Whose fees they are said to be."""
    provenance: str
    how: tuple[str, ...]
    """How bulky waste is handed out anywhere, in order."""
    note: str
    """Said with every fee."""
    electricals: str
    electrical_words: tuple[str, ...]
    fees: tuple[Fee, ...]

    def for_question(self, question: str) -> list[Fee]:
        """The fees of what a question names, most specific words first."""
        plain = question.replace(" ", "")
        longest = {
            fee.name: max((len(word) for word in fee.words if word in plain), default=0)
            for fee in self.fees
        }
        named = [fee for fee in self.fees if longest[fee.name]]
        named.sort(key=lambda fee: -longest[fee.name])
        return named[:MOST_ITEMS]


@cache
def load() -> Fees:
    """The data of this release."""
    return Fees.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))


class BulkWaste:
    """Answers from the data file, with what the user's district says where it can be asked."""

    name: Final = "bulk_waste"

    def __init__(self, districts: Districts | None = None, fees: Fees | None = None) -> None:
        self._districts = districts
        self._fees = fees or load()

    async def run(self, context: TurnContext) -> BranchResult:
        """How, and how much."""
        data = self._fees
        found = data.for_question(context.message)
        lines = [f"{number}. {step}" for number, step in enumerate(data.how, start=1)]
        if any(word in context.message for word in data.electrical_words):
            lines.append(f"\n{data.electricals}")
        if found:
            lines.append(f"\n{data.district} 수수료 예시")
            lines.extend(f"- {fee.name}: {fee.won:,}원" for fee in found)
        local = "" if self._districts is None else await self._districts.bulky(context)
        if local:
            lines.append(f"\n{local}")
        lines.append(f"\n{data.note}")
        text = "\n".join(lines)
        return BranchResult(
            context=f"{text}\n출처: {data.provenance}",
            answer=text,
            citations=(Citation("fees", f"{data.district} 대형폐기물 수수료 예시"),),
            metadata={"items": [fee.name for fee in found], "district": data.district},
            quality=1.0 if found else 0.6,
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """Where to ask instead."""
        return BranchResult(answer=self._fees.note, available=False)

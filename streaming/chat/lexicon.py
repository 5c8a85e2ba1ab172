"""The rules of the classifier that needs no model, read from ``data/intents.yaml`` and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from streaming.chat.intent import Intent

_FILE: Final = Path(__file__).parent / "data" / "intents.yaml"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Data):
    """A pattern that speaks for an intent."""

    label: str = Field(alias="is")
    """The rule in a word, for logs."""
    says: re.Pattern[str]
    unless: re.Pattern[str] | None = None
    weight: Annotated[float, Field(gt=0, le=5)]

    def fits(self, message: str) -> bool:
        """Whether it speaks for its intent here."""
        if self.unless is not None and self.unless.search(message):
            return False
        return self.says.search(message) is not None


class Named(_Data):
    """What a thing of the knowledge base speaks for."""

    waste: float
    bulky: float
    bulky_waste: float


class GoesOn(_Data):
    """How a question looks that goes on about the earlier one, and what that weighs."""

    says: re.Pattern[str]
    weight: float


class Lexicon(_Data):
    """``intents.yaml``."""

    version: int
    intents: Mapping[Intent, tuple[Rule, ...]]
    named: Named
    goes_on: GoesOn
    mended: tuple[str, ...]


@lru_cache(maxsize=1)
def load() -> Lexicon:
    """The rules, read once a process. ValidationError names what is wrong with the file."""
    lexicon = Lexicon.model_validate(yaml.safe_load(_FILE.read_text("utf-8")))
    if missing := set(Intent) - set(lexicon.intents):
        raise ValueError(f"no rules for {sorted(missing)}")
    return lexicon

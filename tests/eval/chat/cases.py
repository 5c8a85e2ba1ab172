"""The evaluation set: questions with the intents and the rule documents that answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from streaming.chat.intent import Intent
from streaming.chat.turn import Past

FOLDER: Final = Path(__file__).parent
FILES: Final = ("tuned", "heldout")


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Case(BaseModel):
    """One question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    intents: tuple[Intent, ...]
    """All of them, or any one when ``any`` is set."""
    any: bool = False
    rule: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """Ids of rule documents any of which answers it."""
    before: tuple[str, ...] = ()
    """The user's messages before it, oldest first."""
    after: Intent | None = None
    """What those were about."""

    @property
    def history(self) -> tuple[Past, ...]:
        """The messages before it, as a turn knows them."""
        about = "" if self.after is None else self.after.value
        return tuple(Past("user", message, intent=about) for message in self.before)

    @property
    def category(self) -> str:
        """The line of the report it belongs to."""
        if self.before:
            return "follow-up"
        return self.intents[0].value if self.any or len(self.intents) == 1 else "several"

    def is_met_by(self, intents: set[Intent]) -> bool:
        """Whether these intents are the right ones."""
        if self.any:
            return len(intents) == 1 and intents <= set(self.intents)
        return intents == set(self.intents)


def load(name: str) -> tuple[Case, ...]:
    """The cases of a file."""
    raw = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return tuple(Case.model_validate(case) for case in raw["cases"])


def rule_questions() -> tuple[tuple[str, str], ...]:
    """Questions of the knowledge base's own held-out file that no chat code was ever tried on,
    with the id of the document.
    """
    raw = yaml.safe_load((FOLDER.parent / "heldout.yaml").read_text(encoding="utf-8"))
    return tuple((case["question"], case["rule"]) for case in raw["cases"] if "rule" in case)

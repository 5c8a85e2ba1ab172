"""Frequent questions, from ``data/faq.yaml``. Pure once loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FILE: Final = Path(__file__).with_name("data") / "faq.yaml"

_Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]


class FaqError(Exception):
    """The file contradicts the knowledge base; the message says where."""


class Question(BaseModel):
    """One question with its answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    question: _Line
    answer: _Line
    document: _Line
    """Id of the rule document the answer comes from."""

    @property
    def category(self) -> str:
        """The class that the document rules."""
        return self.document.rpartition("_")[2]

    @property
    def major(self) -> str:
        """The major of that class."""
        return self.document.partition("_")[0]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    entries: Annotated[tuple[Question, ...], Field(min_length=1)]


class Faq:
    """All questions, in the order of the file."""

    def __init__(self, questions: tuple[Question, ...], documents: Collection[str]) -> None:
        """Take the questions; FaqError for a repeated id or a document that does not exist."""
        ids = [question.id for question in questions]
        for question in questions:
            if ids.count(question.id) > 1:
                raise FaqError(f"{question.id}: the id stands twice")
            if question.document not in documents:
                raise FaqError(f"{question.id}: there is no rule document {question.document!r}")
        self.questions = questions

    def about(self, category: str | None) -> tuple[Question, ...]:
        """The questions of a category, or all."""
        return tuple(
            question
            for question in self.questions
            if category in (None, question.category, question.major)
        )


def load(documents: Mapping[str, object], file: Path = FILE) -> Faq:
    """Read the file; FaqError or ValidationError when something is wrong with it."""
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    return Faq(_File.model_validate(raw).entries, documents.keys())

"""The shapes of the knowledge: taxonomy, situation tags, rule documents, local overrides.

The models are the schema of the data files (unknown fields are refused) and the frozen values the
rest of the program works with. Korean strings are identifiers and kept byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^\S(.*\S)?$")]
"""A non-empty line without space at its ends."""

Texts = tuple[Text, ...]

REFUSED_SUFFIX: Final = "(배출불가)"
"""Ends the name of an item that must not go into the stream it is named after."""


class Data(BaseModel):
    """Base of everything read from a data file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Minor(Data):
    """One kind of thing."""

    name: Text
    entries: Texts = ()
    """Entries of the public item list this minor stands for; empty = its name, once."""
    variants: Texts = ()
    words: Texts = ()
    qualified_words: Texts = ()
    """Words that mean this only when a qualifier stands in the text as well."""
    qualifiers: Texts = ()

    @model_validator(mode="after")
    def _qualified_by_something(self) -> Self:
        if self.qualified_words and not self.qualifiers:
            raise ValueError("qualified_words need qualifiers")
        return self

    @property
    def listed_as(self) -> tuple[str, ...]:
        """The entries of the public item list, repeats included."""
        return self.entries or (self.name,)

    @property
    def refused(self) -> bool:
        """Whether the name itself says "not in this stream"."""
        return self.name.endswith(REFUSED_SUFFIX)


class Middle(Data):
    """A class of recyclables with a rule document of its own."""

    name: Text
    aliases: Texts = ()
    words: Texts = ()
    qualifiers: Texts = ()
    minors: tuple[Minor, ...]


class Major(Data):
    """A stream of waste. Without ``middles`` its only middle carries its own name."""

    name: Text
    reward: bool = False
    listed: bool = True
    """Whether the public item list knows it."""
    aliases: Texts = ()
    words: Texts = ()
    middles: tuple[Middle, ...] = ()
    minors: tuple[Minor, ...] = ()

    @model_validator(mode="after")
    def _one_kind_of_children(self) -> Self:
        if self.middles and (self.minors or self.words):
            raise ValueError("a major with middles has no minors or words of its own")
        return self

    @property
    def classes(self) -> tuple[Middle, ...]:
        """Its middles, or the one middle that repeats its name."""
        return self.middles or (Middle(name=self.name, words=self.words, minors=self.minors),)


class Unclassified(Data):
    """What an answer says when it cannot tell."""

    major: Text
    minor_tag: Text
    all_tag: Text


class Taxonomy(Data):
    """``taxonomy.yaml``."""

    version: int
    source: Text
    unclassified: Unclassified
    folds: tuple[tuple[Text, Text], ...] = ()
    not_covered: Texts = ()
    majors: Annotated[tuple[Major, ...], Field(min_length=1)]

    def entries(self) -> tuple[tuple[str, str, str], ...]:
        """Every entry of the public item list as (major, middle, entry), repeats included."""
        return tuple(
            (major.name, middle.name, entry)
            for major in self.majors
            for middle in major.classes
            for minor in middle.minors
            for entry in minor.listed_as
        )


class TagGroups(Data):
    """``tags.yaml``."""

    version: int
    groups: dict[str, Texts]

    @property
    def names(self) -> tuple[str, ...]:
        """All tags in the order of the file."""
        return tuple(tag for tags in self.groups.values() for tag in tags)


class Source(Data):
    """Where a rule comes from."""

    name: Text
    publisher: Text
    url: Text | None = None
    basis: Text
    """On what the text rests and how: quoted, restated, uncertain."""


class Sources(Data):
    """``sources.yaml``."""

    version: int
    sources: dict[str, Source]


class Case(Data):
    """Steps for some of a document's items, or for an item in some state."""

    name: Text
    minors: Texts = ()
    """The case applies to these minors of the document's class …"""
    tags: Texts = ()
    """… or when one of these situation tags was seen …"""
    about: Texts = ()
    """… or when the user's words name one of these."""
    replaces_common: bool = False
    """Whether these steps stand alone instead of following the common ones."""
    steps: Annotated[Texts, Field(min_length=1)]


class NotAccepted(Data):
    """A thing that looks as if it belonged here, and where it goes instead."""

    item: Text
    goes_to: Texts = ()
    """Ids of the documents that take it; more than one when it depends on size or place."""
    guidance: str = ""
    words: Texts = ()

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if not self.goes_to and not self.guidance:
            raise ValueError("needs goes_to or guidance")
        return self

    @property
    def where(self) -> str:
        """Where it goes, as a person reads it."""
        return self.guidance or " 또는 ".join(name.rpartition("_")[2] for name in self.goes_to)


class Lack(Data):
    """What to say when a picture shows that a thing is not ready to be thrown out."""

    tags: Annotated[Texts, Field(min_length=1)]
    say: Text


class Dated(Data):
    """A day of coming into force, or the reason why none is known."""

    effective_date: date | None
    effective_date_note: str = ""

    @model_validator(mode="after")
    def _date_or_note(self) -> Self:
        if self.effective_date is None and not self.effective_date_note:
            raise ValueError("effective_date is null: effective_date_note must say why")
        return self


class RuleDocument(Dated):
    """How one class of waste is thrown out."""

    id: Text
    key: Text
    category: Text
    title: Text
    targets: Annotated[Texts, Field(min_length=1)]
    definitions: Texts = ()
    items: dict[str, Texts]
    common_steps: Texts = ()
    cases: tuple[Case, ...] = ()
    not_accepted: tuple[NotAccepted, ...] = ()
    icons: Texts = ()
    lacks: tuple[Lack, ...] = ()
    source: Source
    municipality: str | None = None
    """Name of the municipality whose overrides are merged in; None for the national document."""

    def as_dict(self) -> Mapping[str, Any]:
        """The document under the field names that clients and model prompts know."""
        return {
            "id": self.id,
            "key": self.key,
            "category": self.category,
            "이름": self.title,
            "대상_품목": list(self.targets),
            "대상_설명": list(self.definitions),
            "세부_품목": {group: list(names) for group, names in self.items.items()},
            "배출방법_공통": list(self.common_steps),
            "배출방법_세부": {case.name: list(case.steps) for case in self.cases},
            "배출불가_품목_안내": {entry.item: entry.where for entry in self.not_accepted},
            "아이콘_절차": list(self.icons),
            "출처": f"{self.source.publisher} {self.source.name}",
            "시행일": self.effective_date.isoformat() if self.effective_date else None,
            "지자체": self.municipality,
        }

    def lacking(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """What the tags show to be missing still, as sentences for the user; may be empty."""
        return tuple(lack.say for lack in self.lacks if not set(lack.tags).isdisjoint(tags))


class StepChange(Data):
    """How a municipality changes the common steps."""

    replace: Texts | None = None
    prepend: Texts = ()
    append: Texts = ()


class RuleChange(Data):
    """How a municipality changes one national document."""

    common_steps: StepChange = StepChange()
    cases: tuple[Case, ...] = ()
    remove_cases: Texts = ()
    not_accepted: tuple[NotAccepted, ...] = ()
    remove_not_accepted: Texts = ()


class Municipality(Dated):
    """``municipalities/<name>.yaml``: the local rules of one municipality."""

    code: Annotated[str, StringConstraints(pattern=r"^\d{5}$")]
    """Administrative district code, five digits."""
    name: Text
    aliases: Texts = ()
    source: Source
    rules: Annotated[dict[str, RuleChange], Field(min_length=1)]

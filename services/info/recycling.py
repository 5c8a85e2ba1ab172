"""The guide as categories and items: what the knowledge base says, item by item. Pure.

Items are the minors of every class; the things a rule document turns away that are no minor of
their own (the tea bag among food waste); and each class in general, for what people call by words
of the class alone (치약 is a plastic container). Ids come from names and stay as long as those do:
``종이`` is a class in general, ``종이.골판지류`` an item of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from streaming.knowledge import Item, Knowledge, NotAccepted, RuleDocument
from streaming.knowledge.matching import stem
from streaming.knowledge.models import Major, Middle, Minor

ICONS: Final[Mapping[str, str]] = {
    "재활용폐기물": "recyclables",
    "종이": "paper",
    "종이팩": "carton",
    "무색페트병": "clear-pet",
    "플라스틱류": "plastic",
    "비닐류": "film",
    "발포합성수지": "foam",
    "유리병": "glass",
    "금속류": "metal",
    "의류및원단": "clothes",
    "전지": "battery",
    "조명제품": "lamp",
    "전기전자제품": "appliance",
    "일반종량제폐기물": "general",
    "불연성종량제폐기물": "incombustible",
    "음식물류폐기물": "food",
    "공사장생활폐기물": "construction",
    "대형폐기물": "bulky",
    "생활계유해폐기물": "hazardous",
}
"""Keys of the icons, by category."""


@dataclass(frozen=True, slots=True)
class Category:
    """A major, or a middle of the recyclables."""

    id: str
    icon: str
    parent: str
    """Id of its major; empty for a major."""
    item_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An item of the guide."""

    id: str
    name: str
    category: str
    major: str
    group: str = ""
    """Group of items within the rule document; empty when it has none for this."""
    steps: tuple[str, ...]
    notes: tuple[str, ...] = ()
    recyclable: bool
    document_id: str
    place: Item
    """Its place in the taxonomy."""
    names: tuple[str, ...] = field(default=())
    """What it is called: its name first, then other spellings."""
    words: tuple[str, ...] = field(default=())
    """Everyday words for it."""

    @property
    def general(self) -> bool:
        """Whether it is a class as a whole."""
        return self.id == self.category


class Guide:
    """All categories and items, in the order of the guide."""

    categories: tuple[Category, ...]
    entries: tuple[Entry, ...]
    """Classes in general included, each after its items."""
    by_id: Mapping[str, Entry]

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._minor_labels = _labels_of_minors(knowledge)
        entries: list[Entry] = []
        for major in knowledge.taxonomy.majors:
            for middle in major.classes:
                entries.extend(self._of_class(major, middle))
        self.entries = tuple(entries)
        self.by_id = MappingProxyType({entry.id: entry for entry in entries})
        if len(self.by_id) != len(entries):
            raise ValueError("two items have one id")
        self.categories = tuple(self._categories())

    def listed(self, category: str | None) -> Iterator[Entry]:
        """The items of a category, or all; KeyError for an unknown category."""
        if category is not None and category not in ICONS:
            raise KeyError(category)
        return (
            entry
            for entry in self.entries
            if not entry.general and category in (None, entry.category, entry.major)
        )

    def within(self, entry: Entry, category: str | None) -> bool:
        """Whether an item belongs to a category; any belongs to None."""
        return category in (None, entry.category, entry.major)

    def _categories(self) -> Iterator[Category]:
        for major in self._knowledge.taxonomy.majors:
            yield self._category(major.name, "")
            for middle in major.middles:
                yield self._category(middle.name, major.name)

    def _category(self, name: str, parent: str) -> Category:
        return Category(name, ICONS[name], parent, sum(1 for _ in self.listed(name)))

    def _of_class(self, major: Major, middle: Middle) -> Iterator[Entry]:
        document = self._knowledge.rule_for(major.name, middle.name)
        if document is None:
            raise ValueError(f"no rule document for {middle.name}")
        if middle.minors:
            yield from (self._minor(major, middle, minor, document) for minor in middle.minors)
        else:
            yield from self._listed_by(major, middle, document)
        yield from self._turned_away_to(major, middle, document)
        place = Item(major.name, middle.name)
        yield Entry(
            id=middle.name,
            name=document.title,
            category=middle.name,
            major=major.name,
            steps=self._steps(document, None, ""),
            notes=(*document.definitions, *_refusals(document)),
            recyclable=major.reward,
            document_id=document.id,
            place=place,
            names=(middle.name, document.title, *middle.aliases),
            words=middle.words,
        )

    def _minor(self, major: Major, middle: Middle, minor: Minor, document: RuleDocument) -> Entry:
        name = stem(minor.name) if minor.refused else minor.name
        names = tuple(dict.fromkeys((name, *minor.listed_as, *minor.variants)))
        refusal = self._knowledge.redirect(document, minor.name)
        target = self._target(refusal) or document
        return Entry(
            id=_id(middle.name, minor.name),
            name=name,
            category=middle.name,
            major=major.name,
            group=_group(document, self._knowledge, names),
            steps=self._steps(target, minor.name, name),
            notes=(
                *(() if refusal else document.definitions),
                *dict.fromkeys(self._turned_away_from(names, target.id)),
            ),
            recyclable=major.reward and target is document,
            document_id=target.id,
            place=Item(major.name, middle.name, minor.name),
            names=names,
            words=minor.words,
        )

    def _listed_by(self, major: Major, middle: Middle, document: RuleDocument) -> Iterator[Entry]:
        """The items of a class that has no minors: those its document lists."""
        for names in document.items.values():
            for name in names:
                yield Entry(
                    id=_id(middle.name, name),
                    name=name,
                    category=middle.name,
                    major=major.name,
                    steps=self._knowledge.steps(document, text=name),
                    recyclable=major.reward,
                    document_id=document.id,
                    place=Item(major.name, middle.name),
                    names=(name, stem(name)),
                    words=_words_of_case(document, name),
                )

    def _turned_away_to(
        self, major: Major, middle: Middle, document: RuleDocument
    ) -> Iterator[Entry]:
        """What other documents turn away to this class first, or this one to nowhere in particular,
        as far as it is no minor of the classes that take it.
        """
        seen: set[str] = set()
        for refusing in self._knowledge.documents.values():
            for refusal in refusing.not_accepted:
                first = refusal.goes_to[0] if refusal.goes_to else refusing.id
                labels = (refusal.item, stem(refusal.item), *refusal.words)
                fold = self._knowledge.fold
                if first != document.id or fold(refusal.item) in seen or self._is_minor(labels):
                    continue
                seen.add(fold(refusal.item))
                yield Entry(
                    id=_id(middle.name, refusal.item),
                    name=refusal.item,
                    category=middle.name,
                    major=major.name,
                    steps=(
                        self._knowledge.steps(document)
                        if refusal.goes_to
                        else (f"{refusal.guidance}해 주세요.",)
                    ),
                    notes=(_turned_away(refusing, refusal),),
                    recyclable=major.reward and bool(refusal.goes_to),
                    document_id=document.id,
                    place=Item(major.name, middle.name),
                    names=tuple(dict.fromkeys((refusal.item, stem(refusal.item)))),
                    words=refusal.words,
                )

    def _is_minor(self, labels: Iterable[str]) -> bool:
        return not self._minor_labels.isdisjoint(map(self._knowledge.fold, labels))

    def _turned_away_from(self, names: Iterable[str], goes_to: str) -> Iterator[str]:
        """What documents say that turn an item away to another one."""
        for refusing in self._knowledge.documents.values():
            for name in names:
                refusal = self._knowledge.redirect(refusing, name)
                if refusal is not None and goes_to in refusal.goes_to:
                    yield _turned_away(refusing, refusal)

    def _steps(self, document: RuleDocument, minor: str | None, text: str) -> tuple[str, ...]:
        """The steps; a document that has none at least says where the thing goes."""
        steps = self._knowledge.steps(document, minor=minor, text=text)
        return steps or (f"{_to(document.title)} 배출해 주세요.",)

    def _target(self, refusal: NotAccepted | None) -> RuleDocument | None:
        if refusal is None or not refusal.goes_to:
            return None
        return self._knowledge.documents[refusal.goes_to[0]]


def _id(category: str, name: str) -> str:
    """Letters and digits of the name, joined by hyphens: CD/DVD → CD-DVD."""
    return f"{category}.{'-'.join(re.findall(r'[0-9A-Za-z가-힣]+', name))}"


def _to(place: str) -> str:
    """A place with the particle that says "to": 로 after a vowel or ㄹ, else 으로."""
    last = next((sign for sign in reversed(place) if "가" <= sign <= "힣"), "")
    final = (ord(last) - ord("가")) % 28 if last and place.endswith(last) else 0
    return f"{place}{'로' if final in (0, 8) else '으로'}"


def _turned_away(document: RuleDocument, refusal: NotAccepted) -> str:
    return f"{_to(document.title)} 배출하지 않아요: {refusal.where}"


def _refusals(document: RuleDocument) -> Iterator[str]:
    return (f"{refusal.item}: {refusal.where}" for refusal in document.not_accepted)


def _group(document: RuleDocument, knowledge: Knowledge, names: Iterable[str]) -> str:
    labels = set(map(knowledge.fold, names))
    for group, items in document.items.items():
        if group != document.title and not labels.isdisjoint(map(knowledge.fold, items)):
            return group
    return ""


def _words_of_case(document: RuleDocument, name: str) -> tuple[str, ...]:
    """The words of the case that speaks of an item: all when it speaks of no other item of the
    document, else those that hold the item's name.
    """
    items = [stem(one) for names in document.items.values() for one in names]
    for case in document.cases:
        meant = [item for item in items if any(_alike(word, item) for word in case.about)]
        if stem(name) in meant:
            if len(meant) == 1:
                return case.about
            return tuple(word for word in case.about if _alike(word, stem(name)))
    return ()


def _alike(word: str, item: str) -> bool:
    return len(word) > 1 and (item in word or word in item)


def _labels_of_minors(knowledge: Knowledge) -> frozenset[str]:
    return frozenset(
        knowledge.fold(text)
        for major in knowledge.taxonomy.majors
        for middle in major.classes
        for minor in middle.minors
        for name in (minor.name, *minor.listed_as, *minor.variants)
        for text in (name, stem(name))
    )

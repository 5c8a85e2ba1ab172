"""The knowledge as one frozen object: lookups the stages, the providers and the edge ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from streaming.knowledge import prompts
from streaming.knowledge.checks import all_problems, document_id
from streaming.knowledge.classes import Classification, Item, Match
from streaming.knowledge.errors import KnowledgeError
from streaming.knowledge.files import Files
from streaming.knowledge.folding import Folder
from streaming.knowledge.indexing import index_of
from streaming.knowledge.labels import Labels
from streaming.knowledge.matching import stem
from streaming.knowledge.merging import merged
from streaming.knowledge.models import (
    Municipality,
    NotAccepted,
    RuleDocument,
    TagGroups,
    Taxonomy,
)
from streaming.knowledge.prompts import Prompt


class Knowledge:
    """Taxonomy, tags, rule documents and prompts. Built once, never changed afterwards."""

    taxonomy: Taxonomy
    tags: TagGroups
    documents: Mapping[str, RuleDocument]
    """The 18 national rule documents by id."""
    municipalities: Mapping[str, Municipality]
    """Municipalities with rules of their own, by name."""
    prompts: Mapping[str, Prompt]
    """``vision`` and ``answer``."""
    fold: Folder
    """Makes spellings of one word equal; see :mod:`streaming.knowledge.folding`."""

    def __init__(self, files: Files) -> None:
        """Build from what was read. Raises KnowledgeError listing every problem."""
        problems = all_problems(files)
        if problems or files.taxonomy is None or files.tags is None:
            raise KnowledgeError(problems)
        self.taxonomy, self.tags = files.taxonomy, files.tags
        self.fold = Folder(self.taxonomy.folds)
        self.documents = MappingProxyType({rule.id: rule for rule in files.rules.values()})
        self.municipalities = MappingProxyType(
            {local.name: local for local in files.municipalities.values()}
        )
        self._classes = {
            document_id(major, middle): Item(major.name, middle.name)
            for major in self.taxonomy.majors
            for middle in major.classes
        }
        self._by_class = {
            (self.fold(item.major), self.fold(item.middle)): self.documents[name]
            for name, item in self._classes.items()
        }
        self._by_major = {
            self.fold(name): self.documents[name]
            for name, item in self._classes.items()
            if item.major == item.middle
        }
        self._merge_municipalities()
        self._refusals = {
            (rule.id, rule.municipality): self._refused_by(rule)
            for rule in (*self.documents.values(), *self._local.values())
        }
        self._index = index_of(self.taxonomy, self.documents, self._classes, self.fold)
        self._labels = Labels(self.taxonomy, self.fold)
        fixed = {"taxonomy": outline(self.taxonomy), "tags": ", ".join(self.tags.names)}
        self.prompts = MappingProxyType(
            {
                file.head.name: prompts.build(file.head, file.system, file.user, fixed)
                for file in files.prompts.values()
            }
        )

    # -- what is this -----------------------------------------------------------------------------

    def match(self, text: str) -> Match:
        """What a user's words name, with candidates when several things are possible.

        A thing whose own stream refuses it (뼈 is listed under 음식물류폐기물) keeps its place in
        the taxonomy; ``goes_to`` names the documents that take it.
        """
        match = self._index.find(text)
        if match.item is None:
            return match
        document = self.rule_for(match.item.major, match.item.middle)
        refused = None
        if document is not None:
            refused = self.redirect(document, match.word)
            if refused is None and match.item.minor is not None:
                refused = self.redirect(document, match.item.minor)
        goes_to = refused.goes_to if refused else ()
        return Match(item=match.item, word=match.word, goes_to=goes_to)

    def match_item(self, text: str) -> Item | None:
        """The one thing a user's words name.

        None when nothing known is named, and when it could be several things of different classes
        (``식품용기`` is a plastic or a foam container): :meth:`match` tells the two apart.
        """
        return self._index.find(text).item

    def canonical(
        self, major: str | None, middle: str | None, minor: str | None = None
    ) -> Classification:
        """Labels of a model brought back into the taxonomy.

        Spellings are folded; a class is recovered from the middle or minor when a higher label is
        unknown. A minor the class refuses moves to the class that takes it, when that is one. A
        minor nobody knows becomes None with the tag 미분류_소분류; an unknown class becomes 미분류
        with the tag 미분류_전체.
        """
        found = self._labels.class_of(major, middle, minor)
        unclassified = self.taxonomy.unclassified
        if found is None:
            known_major = self._labels.major(major)
            return Classification(
                major=known_major or unclassified.major,
                middle=unclassified.major,
                minor=None,
                tags=(unclassified.all_tag,),
                known=False,
            )
        name = self._labels.minor(found, minor)
        if name is not None:
            return Classification(major=found[0], middle=found[1], minor=name)
        document = self._by_class[self.fold(found[0]), self.fold(found[1])]
        refused = self.redirect(document, minor) if minor else None
        if refused is not None and len(refused.goes_to) == 1:
            target = self._classes[refused.goes_to[0]]
            name = self._labels.minor(target.of_class, minor)
            return Classification(
                major=target.major,
                middle=target.middle,
                minor=name,
                tags=() if name else (unclassified.minor_tag,),
                redirected_from=document.id,
            )
        in_words = self.match_item(minor) if minor else None
        if in_words is not None and in_words.of_class == found and in_words.minor:
            return Classification(major=found[0], middle=found[1], minor=in_words.minor)
        return Classification(
            major=found[0], middle=found[1], minor=None, tags=(unclassified.minor_tag,)
        )

    def valid_tags(self, tags: Iterable[str]) -> tuple[str, ...]:
        """The known ones of ``tags``, spelled as in the list, in order, once each."""
        return tuple(
            dict.fromkeys(
                known for tag in tags if (known := self._labels.tag(tag, self.tags)) is not None
            )
        )

    # -- what to do with it -----------------------------------------------------------------------

    def rule_for(
        self, major: str, middle: str | None = None, municipality: str | None = None
    ) -> RuleDocument | None:
        """The rule document of a class, with the changes of ``municipality`` when it has any.

        The document ``<major>_<middle>``, else that of the major alone, else None: 재활용폐기물
        with an unknown middle has no rules. A municipality without rules of its own, or an unknown
        one, gets the national document.
        """
        document = None
        if middle:
            document = self._by_class.get((self.fold(major), self.fold(middle)))
        document = document or self._by_major.get(self.fold(major))
        if document is None or not municipality:
            return document
        return self._local.get((self.fold(municipality), document.id), document)

    def redirect(self, document: RuleDocument, item: str) -> NotAccepted | None:
        """The entry of ``document`` that refuses ``item`` and says where it goes; None if none."""
        return self._refusals[document.id, document.municipality].get(self.fold(item))

    def steps(
        self,
        document: RuleDocument,
        *,
        minor: str | None = None,
        tags: Iterable[str] = (),
        text: str = "",
    ) -> tuple[str, ...]:
        """The steps of ``document`` for one thing: the common ones, then those of its cases.

        A case applies to its minors, to its situation tags and to the words it is about. Cases
        that replace the common steps stand alone. Empty for 음식물류폐기물, whose rule has no
        steps.
        """
        seen, word = set(tags), self._index.find(text).word if text else ""
        cases = [
            case
            for case in document.cases
            if (minor is not None and minor in case.minors)
            or not seen.isdisjoint(case.tags)
            or (word and word in {self.fold(about) for about in case.about})
        ]
        alone = [case for case in cases if case.replaces_common]
        chosen = [step for case in alone or cases for step in case.steps]
        return tuple(dict.fromkeys(chosen if alone else [*document.common_steps, *chosen]))

    @property
    def words(self) -> int:
        """How many keys user text is looked up under."""
        return len(self._index.senses)

    # -- building ---------------------------------------------------------------------------------

    def _merge_municipalities(self) -> None:
        self._local = {
            (label, name): rule
            for local in self.municipalities.values()
            for name, change in local.rules.items()
            for rule in (merged(self.documents[name], change, local, self.fold),)
            for label in map(self.fold, (local.code, local.name, *local.aliases))
        }

    def _refused_by(self, document: RuleDocument) -> dict[str, NotAccepted]:
        refused: dict[str, NotAccepted] = {}
        for entry in document.not_accepted:
            for text in (entry.item, stem(entry.item), *entry.words):
                refused.setdefault(self.fold(text), entry)
        return refused


def outline(taxonomy: Taxonomy) -> str:
    """The taxonomy as a prompt shows it: one class a line, its minors after a colon."""
    return "\n".join(
        f"- {major.name} > {middle.name}: "
        + (", ".join(minor.name for minor in middle.minors) or "(소분류 없음)")
        for major in taxonomy.majors
        for middle in major.classes
    )

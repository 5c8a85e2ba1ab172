"""Filling the index of user words from the taxonomy and the rule documents."""

from __future__ import annotations

from collections.abc import Mapping

from streaming.knowledge.classes import Item
from streaming.knowledge.folding import Folder
from streaming.knowledge.matching import Index, Rank, stem
from streaming.knowledge.models import RuleDocument, Taxonomy


def index_of(
    taxonomy: Taxonomy,
    documents: Mapping[str, RuleDocument],
    classes: Mapping[str, Item],
    fold: Folder,
) -> Index:
    """An index over every name, variant and word, and over every item a document refuses.

    ``classes`` gives the class of a document by its id. A refused item that the taxonomy does not
    know stands for the classes it goes to, or for the refusing class when no class takes it.
    """
    index = Index(fold)
    for major in taxonomy.majors:
        for middle in major.classes:
            place = Item(major.name, middle.name)
            index.add((middle.name,), Rank.NAME, place)
            index.add(middle.words, Rank.WORD, place, middle.qualifiers)
            for minor in middle.minors:
                item = Item(major.name, middle.name, minor.name)
                names = (minor.name, *minor.listed_as, *minor.variants)
                index.add(names, Rank.NAME, item, minor.qualifiers)
                index.add(map(stem, names), Rank.STEM, item, minor.qualifiers)
                index.add(minor.words, Rank.WORD, item, minor.qualifiers)
                index.add(minor.qualified_words, Rank.QUALIFIED, item, minor.qualifiers)
    for name, document in documents.items():
        for entry in document.not_accepted:
            for target in entry.goes_to or (name,):
                texts = (entry.item, stem(entry.item), *entry.words)
                index.add(texts, Rank.REFUSED, classes[target])
    index.add(taxonomy.not_covered, Rank.NAME, None)
    return index

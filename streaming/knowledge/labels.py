"""Labels as models write them, looked up by their folded form."""

from __future__ import annotations

from streaming.knowledge.folding import Folder
from streaming.knowledge.matching import stem
from streaming.knowledge.models import TagGroups, Taxonomy

Class = tuple[str, str]
"""(major, middle), as named in the taxonomy."""


class Labels:
    """Names, spelling variants and aliases of majors, middles and minors."""

    def __init__(self, taxonomy: Taxonomy, fold: Folder) -> None:
        self._fold = fold
        self._majors: dict[str, str] = {}
        self._middles: dict[str, Class] = {}
        self._alone: dict[str, Class] = {}
        self._minors: dict[tuple[Class, str], str] = {}
        self._holders: dict[str, set[Class]] = {}
        self._tags: dict[str, str] = {}
        for major in taxonomy.majors:
            for label in (major.name, *major.aliases):
                self._majors[fold(label)] = major.name
                if not major.middles:
                    self._alone[fold(major.name)] = (major.name, major.name)
            for middle in major.classes:
                of_class = (major.name, middle.name)
                for label in (middle.name, *middle.aliases):
                    self._middles[fold(label)] = of_class
                for minor in middle.minors:
                    names = (minor.name, *minor.listed_as, *minor.variants)
                    self._holders.setdefault(fold(minor.name), set()).add(of_class)
                    for label in (*names, *map(stem, names), *minor.words):
                        self._minors.setdefault((of_class, fold(label)), minor.name)

    def major(self, label: str | None) -> str | None:
        """The name of the major a label means."""
        return self._majors.get(self._fold(label or ""))

    def class_of(
        self, major: str | None, middle: str | None, minor: str | None = None
    ) -> Class | None:
        """The class that labels mean together; None when it cannot be told.

        The major decides; below 재활용폐기물 the middle decides, or the minor when only one class
        has it. With an unknown major, the middle or the minor decides alone.
        """
        name = self.major(major)
        if name is not None and self._fold(name) in self._alone:
            return self._alone[self._fold(name)]
        by_middle = self._middles.get(self._fold(middle or ""))
        if by_middle is not None and name in (None, by_middle[0]):
            return by_middle
        if by_middle is None and name is None:
            as_major = self.major(middle)
            if as_major is not None and self._fold(as_major) in self._alone:
                return self._alone[self._fold(as_major)]
        holders = self._holders.get(self._fold(minor or ""), set())
        within = [held for held in holders if name in (None, held[0])]
        return within[0] if len(within) == 1 else None

    def minor(self, of_class: Class, label: str | None) -> str | None:
        """The minor of a class that a label means: by name, variant, stem or everyday word."""
        return self._minors.get((of_class, self._fold(label or "")))

    def tag(self, label: str, tags: TagGroups) -> str | None:
        """The situation tag a label means."""
        if not self._tags:
            self._tags = {self._fold(tag): tag for tag in tags.names}
        return self._tags.get(self._fold(label))

"""What is wrong with the knowledge files: every problem names its file and its field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a data file."""

    file: str
    """Path below the data folder, e.g. ``rules/재활용폐기물_종이.yaml``."""

    field: str
    """Dotted path inside the file, e.g. ``not_accepted.0.goes_to``; empty for the whole file."""

    message: str
    """What is wrong."""

    hint: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        place = f"{self.file}: {self.field}" if self.field else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class KnowledgeError(Exception):
    """The knowledge cannot be used; a process that needs it must not start."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

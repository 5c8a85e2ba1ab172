"""What eco2 knows: taxonomy, situation tags, disposal rules, prompts.

The data lies in ``data/`` as YAML and Markdown, is read and validated once a process, and is frozen
afterwards. ``eco2 knowledge check`` reports what is wrong with it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from streaming.knowledge.classes import Classification, Item, Match
from streaming.knowledge.errors import KnowledgeError, Problem
from streaming.knowledge.files import DATA, read
from streaming.knowledge.knowledge import Knowledge
from streaming.knowledge.models import NotAccepted, RuleDocument, Source, Taxonomy
from streaming.knowledge.prompts import Prompt

__all__ = [
    "Classification",
    "Item",
    "Knowledge",
    "KnowledgeError",
    "Match",
    "NotAccepted",
    "Problem",
    "Prompt",
    "RuleDocument",
    "Source",
    "Taxonomy",
    "load",
]


@cache
def load(folder: Path = DATA) -> Knowledge:
    """The knowledge in ``folder``, read and validated once a process.

    Raises KnowledgeError naming file and field of every problem, so that a process with bad data
    does not start.
    """
    return Knowledge(read(folder))

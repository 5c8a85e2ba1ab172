"""Comments and pages refer to things that a reader of this repository can open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = ("docs", "edge", "mesh", "proto", "services", "streaming", "tests")
KINDS = frozenset({".md", ".proto", ".py", ".sh", ".sql", ".toml", ".yaml"})

NAMED = re.compile(r'docs/(?P<page>[\w-]+\.md)(?:,\s+"(?P<section>[^"]{1,60})")?')
LINKED = re.compile(r"\]\((?:docs/)?(?P<page>[\w-]+\.md)(?:#(?P<section>[\w-]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MARGIN = re.compile(r"\n\s*(?:#|--|//)?\s*")
"""Where a comment goes on in the next line."""

ELSEWHERE = re.compile(r"(?:contract|design) §|\bdomain facts|\bdomain \([a-z]\)")
"""How documents were named that are not here."""


def texts() -> Iterator[tuple[str, str]]:
    """Every file that is written by hand: its path and what is in it."""
    yield "README.md", (ROOT / "README.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in KINDS and file != Path(__file__).resolve():
                yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")


def sections() -> dict[str, set[str]]:
    """The headings of each page, as they are and as links name them."""
    found = {"README.md": set[str]()}
    for page in (ROOT / "docs").glob("*.md"):
        headings = HEADING.findall(page.read_text(encoding="utf-8"))
        found[page.name] = {*headings, *(h.lower().replace(" ", "-") for h in headings)}
    return found


def test_what_is_referred_to_is_there() -> None:
    known = sections()
    missing = []
    for name, text in texts():
        kind = LINKED if name.endswith(".md") else NAMED
        for match in kind.finditer(MARGIN.sub(" ", text) if kind is NAMED else text):
            page, section = match["page"], match["section"]
            if page not in known or (section and section not in known[page]):
                missing.append(f"{name}: {match[0]}")
        if ELSEWHERE.search(text):
            missing.append(f"{name}: {ELSEWHERE.findall(text)}")
    assert not missing

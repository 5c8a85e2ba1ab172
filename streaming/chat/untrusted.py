"""Text of others on its way into a prompt: cleaned, before it is quoted as data; and what a model
made of it on its way to a screen.

What a search, a map service or a shop owner wrote may say "ignore previous instructions", close the
tags it is quoted in, or hide text from the reader. No filter can decide what is an instruction, so
the text is made harmless in form here; prompts quote it and say that quoted data never instructs
(:mod:`streaming.knowledge.prompts`). Nothing is removed that a reader would see, except markup that
could leave the quotation.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from services.runtime.web_address import canonical
from streaming.model.settings import is_private_host

MOST_CHARACTERS: Final = 8_000
"""Of one piece; more is cut. Eight branches of it fit into any model's context."""

CUT: Final = "… (이하 생략)"

_ROLE_MARKS: Final = re.compile(
    r"<\|[^|>\n]{0,40}\|>|\[/?INST\]|<</?SYS>>|^\s*(?:system|assistant|user|developer)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
"""Marks by which chat formats tell one speaker from another."""

_PICTURES: Final = re.compile(r"!\[([^\]\n]{0,200})\]\([^)\n]{0,2000}\)")
"""Markdown pictures: a client that draws one fetches its address, which can carry data away."""

_LINKS: Final = re.compile(r"\[([^\]\n]{1,200})\]\((?!https?://)[^)\n]{0,2000}\)")
"""Markdown links to anything but a web address."""

_FENCES: Final = re.compile(r"`{3,}|~{3,}")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def cleaned(text: str, most: int = MOST_CHARACTERS) -> str:
    """``text`` without what no reader sees and without markup that could leave a quotation.

    Angle brackets become ‹ ›, so no tag can be opened or closed; invisible and direction-changing
    characters go; role marks, pictures, code fences and links that are not http(s) lose their
    effect and keep their words. At most ``most`` characters, plus a note that it was cut.
    """
    text = unicodedata.normalize("NFC", text)
    text = "".join(
        sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in _INVISIBLE
    )
    while (unmarked := _ROLE_MARKS.sub(" ", text)) != text:  # one mark may hide another
        text = unmarked
    text = _PICTURES.sub(r"\1", text)
    text = _LINKS.sub(r"\1", text)
    text = _FENCES.sub("'''", text)
    text = text.replace("<", "‹").replace(">", "›")
    text = _BLANK_LINES.sub("\n\n", text).strip()
    if len(text) > most:
        text = f"{text[:most].rstrip()}{CUT}"
    return text


def as_line(text: str, most: int = 200) -> str:
    """A name or an address of others on one line, without Markdown's own signs; for answers."""
    plain = cleaned(text, most).replace("\n", " ")
    if not _MARKDOWN.search(plain):
        return plain
    return " ".join(re.sub(r"[\[\]()*_`#|!]", " ", plain).split())


def web_address(url: str) -> str:
    """An address of others in one spelling, as readers may be sent there; empty when it is none:
    not http(s), not public, or not written as an address. Holds nothing that ends a Markdown link.
    """
    try:
        found = canonical(url)
    except ValueError:
        return ""
    host = urlsplit(found).hostname or ""
    if is_private_host(host) or "." not in host:
        return ""
    return found.replace("(", "%28").replace(")", "%29")


def with_sound_links(text: str) -> str:
    """Cleaned text whose links lead where :func:`web_address` allows; others keep their words."""

    def checked(link: re.Match[str]) -> str:
        url = web_address(link[2])
        return f"[{link[1]}]({url})" if url else link[1]

    return _WEB_LINKS.sub(checked, text)


class Unpictured:
    """Takes the pictures out of a model's Markdown as it comes: each becomes a link.

    A model that a page has talked into something may word ``![](https://…?everything-it-knows)``,
    and a client that draws it carries that away without anybody's click. The pictures we mean are
    put below the text.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be told of the text so far; only marks that may begin a picture are held."""
        text = self._held + piece
        told = text.rstrip("!")
        self._held = text[len(told) :]
        return _PICTURE_MARKS.sub("[", told)

    def end(self) -> str:
        """What was held."""
        held, self._held = self._held, ""
        return held


_PICTURE_MARKS: Final = re.compile(r"!+\[")

_WEB_LINKS: Final = re.compile(
    r"\[([^\]\n]{1,200})\]\(\s*((?:[^()\s]|\([^()\s]*\)){1,2048})(?:\s+[\"'][^)\n]{0,200})?\s*\)"
)
"""Markdown links: words, an address that may hold brackets of its own, a title."""

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
"""Unicode's categories of characters that draw nothing: controls, formats, private use."""

_MARKDOWN: Final = re.compile(r"[\[\]*_`#|!]")

"""Path templates of google.api.http rules: parsing, matching, precedence.

Grammar (google/api/http.proto): ``/segment/{field}/{field=pattern/*}/**:verb``. A variable without
a pattern matches one segment. Where several templates match a path, the more literal one wins,
segment by segment from the left, so ``/scan/history`` goes before ``/scan/{job_id}``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

ONE: Final = "*"
"""Pattern segment that matches exactly one path segment."""

REST: Final = "**"
"""Pattern segment that matches any number of path segments, also none; last one only."""

_VARIABLE = re.compile(r"\{([A-Za-z_][\w.]*)(?:=([^{}]+))?\}")


class TemplateError(ValueError):
    """The text is not a path template."""


@dataclass(frozen=True)
class PathTemplate:
    """A parsed template."""

    text: str
    """The template as it was written."""

    segments: tuple[str, ...]
    """Literals, and :data:`ONE` or :data:`REST` in place of variables."""

    verb: str
    """Custom verb without its colon; empty when there is none."""

    variables: tuple[str, ...]
    """Field paths bound by the template, in order."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Pattern to fullmatch a path without its query; valid for Python's re and for RE2."""
        parts = ["[^/]+" if s == ONE else re.escape(s) for s in self.segments if s != REST]
        text = "".join(f"/{part}" for part in parts)
        if REST in self.segments:
            text += "(?:/.*)?"
        return re.compile(text + (f":{re.escape(self.verb)}" if self.verb else ""))

    @property
    def literal(self) -> bool:
        """Whether the template matches exactly one path, its own text."""
        return not self.variables and ONE not in self.segments and REST not in self.segments

    @property
    def precedence(self) -> tuple[tuple[int, str], ...]:
        """Sort key that puts the template to be tried first in front."""
        rank = {ONE: 1, REST: 3}
        ranked = [(rank.get(segment, 0), segment) for segment in self.segments]
        # A verb narrows its last segment; a template that has ended goes before `**`.
        return (*ranked, (0 if self.verb else 2, self.verb))


def parse(text: str) -> PathTemplate:
    """Parse a template; TemplateError when it is not one."""
    if not text.startswith("/"):
        raise TemplateError(f"a path template starts with a slash: {text!r}")
    variables: list[str] = []

    def pattern_of(match: re.Match[str]) -> str:
        variables.append(match[1])
        return match[2] or ONE

    flat = _VARIABLE.sub(pattern_of, text)
    path, _, verb = flat.partition(":")
    segments = tuple(path[1:].split("/"))
    if "{" in flat or "}" in flat or "" in segments or "/" in verb:
        raise TemplateError(f"not a path template: {text!r}")
    if REST in segments[:-1]:
        raise TemplateError(f"** stands at the end only: {text!r}")
    if any("*" in s for s in segments if s not in (ONE, REST)):
        raise TemplateError(f"a wildcard is a whole segment: {text!r}")
    return PathTemplate(text, segments, verb, tuple(variables))

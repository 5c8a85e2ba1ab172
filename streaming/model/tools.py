"""What a model's server does beside talking: searching the web, and drawing.

Errors are those of :mod:`streaming.model.provider`; a server that refuses for its policy's sake
raises ModelRefused. Neither call is repeated in place: each is paid for, and the branches of a chat
have policies of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from streaming.model import metrics
from streaming.model.guard import Budget, Guard
from streaming.model.prices import Price
from streaming.model.provider import Usage
from streaming.model.settings import ModelSettings

SEARCH: Final = "web_search"
DRAW: Final = "image_generation"
"""Kinds of these calls, in metrics and bills."""

SEARCHES_AT_ONCE: Final = 64
DRAWINGS_AT_ONCE: Final = 16
"""Calls in flight per process: a picture under way is some 20 MB of text and bytes at the worst."""

R = TypeVar("R", "Finding", "Drawing")


@dataclass(frozen=True, slots=True)
class Source:
    """A page that a finding rests on, as the server names it: a stranger's text."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a search of the web found."""

    text: str
    """A report, worded by the model from strangers' pages."""
    sources: tuple[Source, ...]
    """Each page once, in the order they are cited."""
    usage: Usage
    model: str
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture."""

    data: bytes
    content_type: str
    """Found by looking at the bytes: ``image/jpeg``, ``image/png`` or ``image/webp``."""
    usage: Usage
    model: str
    prompt_version: str


class ToolProvider(Protocol):
    """A server with tools. `asked` are the values of the call's prompt."""

    async def search(self, asked: Mapping[str, Any], seconds: float) -> Finding:
        """Search the web."""
        ...

    async def draw(self, asked: Mapping[str, Any], seconds: float) -> Drawing:
        """Draw."""
        ...


class Searcher(Protocol):
    """Searches the web."""

    provider: str

    async def search(self, asked: Mapping[str, Any], budget: Budget) -> Finding:
        """See :class:`ToolProvider`."""
        ...


class Painter(Protocol):
    """Draws."""

    provider: str

    async def draw(self, asked: Mapping[str, Any], budget: Budget) -> Drawing:
        """See :class:`ToolProvider`."""
        ...


class Toolbox:
    """The tools of one server, guarded apart from its other calls, and counted."""

    def __init__(
        self,
        provider: str,
        tools: ToolProvider,
        settings: ModelSettings,
        price: Callable[[str], Price | None],
    ) -> None:
        self.provider = provider
        self._tools = tools
        self._price = price
        self._searching = Guard(
            provider, settings, kind=SEARCH, concurrency=SEARCHES_AT_ONCE, attempts=1
        )
        self._drawing = Guard(
            provider, settings, kind=DRAW, concurrency=DRAWINGS_AT_ONCE, attempts=1
        )

    async def search(self, asked: Mapping[str, Any], budget: Budget) -> Finding:
        """Search the web."""
        return await self._ask(
            self._searching, SEARCH, lambda: self._tools.search(asked, budget.work_seconds), budget
        )

    async def draw(self, asked: Mapping[str, Any], budget: Budget) -> Drawing:
        """Draw."""
        return await self._ask(
            self._drawing, DRAW, lambda: self._tools.draw(asked, budget.work_seconds), budget
        )

    async def _ask(
        self, guard: Guard, kind: str, call: Callable[[], Awaitable[R]], budget: Budget
    ) -> R:
        made = await guard.call(kind, call, budget)
        metrics.count_success(self.provider, kind, made.model, made.usage, self._price(made.model))
        return made

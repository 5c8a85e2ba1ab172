"""What the stages ask: the right server for a job, guarded, with the fallback behind it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from services.runtime import logs
from services.runtime.photo_metadata import NotAPhotoError, strip
from streaming.model import metrics
from streaming.model.chat import ChatProvider, Grading, Line, Speech, Summary, Understanding
from streaming.model.guard import Budget, Guard
from streaming.model.prices import Price
from streaming.model.provider import (
    Answer,
    Image,
    ModelNotServed,
    ModelProvider,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    Usage,
    Vision,
)
from streaming.model.tools import Painter, Searcher

if TYPE_CHECKING:
    from streaming.knowledge import RuleDocument

log = logs.get(__name__)

NOT_SERVED_SECONDS: Final = 600.0
"""How long a name is not asked for after its server said that it has no such model: calls in
between go to the default model at once, and one that is open again is found in so long."""

R = TypeVar("R", Vision, Answer)
C = TypeVar("C", Understanding, Summary, Grading)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo whose bytes are fetched only when the model needs them."""

    url: str
    content_type: str
    read: Callable[[], Awaitable[bytes]]
    detail: str = ""
    """See :attr:`~streaming.model.provider.Image.detail`."""


@dataclass(frozen=True, slots=True)
class Told(Generic[R]):
    """What a model said, and whose it was."""

    provider: str
    value: R


@dataclass(frozen=True, kw_only=True)
class Server:
    """A provider, its guard, and the model names it is asked for."""

    provider: ModelProvider
    guard: Guard
    needs_bytes: bool
    default: bool = False
    """Whether it answers for names that no server has."""
    named: Callable[[str], ModelProvider] | None = None
    """The provider asking for another model name; None when there is only one."""
    names: frozenset[str] = frozenset()
    price: Callable[[str], Price | None] = lambda _: None
    talks: Callable[[str], ChatProvider] | None = None
    """The chat calls for a model name; None for a provider that can't talk."""
    searcher: Searcher | None = None
    """None when it does not search the web."""
    painter: Painter | None = None
    """None when it does not draw."""

    def asking_for(self, model: str) -> ModelProvider:
        """The provider for a job that wants `model`."""
        if self.named is None or model not in self.names:
            return self.provider
        return self.named(model)


class Talker:
    """The chat calls for a model name, guarded and counted; errors are ModelErrors.

    When its server turns out not to serve the model, the calls from then on go to the default one.
    """

    def __init__(
        self, server: Server, chat: ChatProvider, instead: Callable[[], Talker | None]
    ) -> None:
        """`instead`: who talks when the model is not served."""
        self._server = server
        self._chat = chat
        self._instead = instead

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._server.provider.name

    def cost(self, model: str, usage: Usage) -> float | None:
        """List price in USD; None when it is not known."""
        price = self._server.price(model)
        return None if price is None else price.cost(usage)

    async def intent(self, asked: Mapping[str, Any], budget: Budget) -> Understanding:
        """Say what a message asks."""
        return await self._ask("intent", lambda: self._chat.intent(asked), budget)

    async def summary(self, asked: Mapping[str, Any], budget: Budget) -> Summary:
        """Sum up."""
        return await self._ask("summary", lambda: self._chat.summary(asked), budget)

    async def grade(self, asked: Mapping[str, Any], budget: Budget) -> Grading:
        """Grade an answer."""
        return await self._ask("grade", lambda: self._chat.grade(asked), budget)

    @asynccontextmanager
    async def reply(
        self, asked: Mapping[str, Any], history: Sequence[Line], patience_seconds: float
    ) -> AsyncIterator[Speech]:
        """Begin to answer; see :meth:`~streaming.model.guard.Guard.stream`."""

        async def begin() -> Speech:
            return await stack.enter_async_context(
                self._server.guard.stream(
                    "reply", lambda: self._chat.reply(asked, history), patience_seconds
                )
            )

        async with AsyncExitStack() as stack:
            speech = await self._whoever_serves(begin)
            yield speech
        self._count("reply", speech.model, speech.usage)

    async def _ask(self, kind: str, call: Callable[[], Awaitable[C]], budget: Budget) -> C:
        value = await self._whoever_serves(lambda: self._server.guard.call(kind, call, budget))
        self._count(kind, value.model, value.usage)
        return value

    async def _whoever_serves(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, again with the default model when the chosen one is not served."""
        try:
            return await call()
        except ModelNotServed:
            other = self._instead()
            if other is None:
                raise
            self._server, self._chat, self._instead = other._server, other._chat, other._instead
            return await call()

    def _count(self, kind: str, model: str, usage: Usage) -> None:
        metrics.count_success(self.provider, kind, model, usage, self._server.price(model))


class Models:
    """Every model of this process."""

    def __init__(self, servers: Sequence[Server], *, fallback: Server | None = None) -> None:
        """Exactly one of `servers` is the default."""
        (self._default,) = (server for server in servers if server.default)
        self._by_name = {name: server for server in servers for name in server.names}
        self._fallback = fallback
        self._servers = (*servers, *(() if fallback is None else (fallback,)))
        self._not_served: dict[str, float] = {}
        """Until when a name is not asked for, by name."""

    @property
    def name(self) -> str:
        """Name of the default provider."""
        return self._default.provider.name

    @property
    def searcher(self) -> Searcher | None:
        """Who searches the web, whatever model a user wants; None when nobody does."""
        return self._default.searcher

    @property
    def painter(self) -> Painter | None:
        """Who draws; None when nobody does."""
        return self._default.painter

    def server_for(self, model: str) -> Server:
        """The server that has a model, or the default one."""
        return self._by_name.get(self._asked_for(model), self._default)

    async def vision(
        self, photo: Photo, question: str, *, model: str, budget: Budget
    ) -> Told[Vision]:
        """Classify a photo. Raises a :class:`~streaming.model.provider.ModelError`, or what
        reading the photo raises.
        """

        async def ask(server: Server, model: str) -> Told[Vision]:
            provider = server.asking_for(model)
            image = await _image(photo, with_bytes=server.needs_bytes)
            return await self._ask(
                server, "vision", lambda: provider.vision(image, question), budget
            )

        return await self._whoever_serves("vision", model, ask)

    async def answer(
        self,
        vision: Vision,
        rule: RuleDocument | None,
        question: str,
        *,
        model: str,
        budget: Budget,
    ) -> Told[Answer]:
        """Word an answer. Raises a :class:`~streaming.model.provider.ModelError`."""

        async def ask(server: Server, model: str) -> Told[Answer]:
            provider = server.asking_for(model)
            return await self._ask(
                server, "answer", lambda: provider.answer(vision, rule, question), budget
            )

        return await self._whoever_serves("answer", model, ask)

    def talker(self, model: str) -> Talker | None:
        """Who talks to a user that wants `model`; None when only rules can: there is no model, or
        it is held off and the settings say not to wait.
        """
        name = self._asked_for(model)
        server = self._by_name.get(name, self._default)
        if server.talks is None:
            return None
        if self._fallback is not None and server.guard.is_holding_off:
            metrics.FALLBACKS.labels("chat").inc()
            return None

        def instead() -> Talker | None:
            self._note_not_served(name)
            return self.talker("")

        return Talker(server, server.talks(name if name in server.names else ""), instead)

    async def close(self) -> None:
        """Close every provider."""
        for server in self._servers:
            await server.provider.close()

    async def _ask(
        self, server: Server, kind: str, call: Callable[[], Awaitable[R]], budget: Budget
    ) -> Told[R]:
        value = await server.guard.call(kind, call, budget)
        name = server.provider.name
        metrics.count_success(name, kind, value.model, value.usage, server.price(value.model))
        return Told(name, value)

    async def _whoever_serves(
        self, kind: str, model: str, ask: Callable[[Server, str], Awaitable[Told[R]]]
    ) -> Told[R]:
        """Ask the model of a job, or the default one when that is not served."""
        name = self._asked_for(model)
        try:
            return await self._with_fallback(kind, name, ask)
        except ModelNotServed:
            self._note_not_served(name)
            return await self._with_fallback(kind, "", ask)

    async def _with_fallback(
        self, kind: str, name: str, ask: Callable[[Server, str], Awaitable[Told[R]]]
    ) -> Told[R]:
        """Ask the server of a name; the fallback while it is held off, if there is one."""
        server = self._by_name.get(name, self._default)
        fallback = self._fallback
        if fallback is None:
            return await ask(server, name)
        if not server.guard.is_holding_off:
            try:
                return await ask(server, name)
            except (ModelUnavailable, ModelTimeout):
                if not server.guard.is_holding_off:
                    raise
        metrics.FALLBACKS.labels(kind).inc()
        return await ask(fallback, name)

    def _asked_for(self, model: str) -> str:
        """The name that is asked for a job that wants `model`; empty for the default one."""
        until = self._not_served.get(model)
        return model if until is None or time.monotonic() >= until else ""

    def _note_not_served(self, name: str) -> None:
        log.warning("a model is not served, the default one answers", model=name)
        metrics.NOT_SERVED.labels(name).inc()
        self._not_served[name] = time.monotonic() + NOT_SERVED_SECONDS


async def _image(photo: Photo, *, with_bytes: bool) -> Image:
    if not with_bytes:
        return Image(url=photo.url, content_type=photo.content_type, detail=photo.detail)
    data = await photo.read()
    try:
        stripped = strip(data)
    except NotAPhotoError as error:
        raise ModelRejected(str(error)) from error
    return Image(url=photo.url, data=stripped, content_type=photo.content_type, detail=photo.detail)

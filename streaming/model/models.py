"""What the stages ask: the right server for a job, guarded, with the fallback behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from services.runtime.photo_metadata import NotAPhotoError, strip
from streaming.model import metrics
from streaming.model.guard import Budget, Guard
from streaming.model.prices import Price
from streaming.model.provider import (
    Answer,
    Image,
    ModelProvider,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    Vision,
)

if TYPE_CHECKING:
    from streaming.knowledge import RuleDocument

R = TypeVar("R", Vision, Answer)


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo whose bytes are fetched only when the model needs them."""

    url: str
    content_type: str
    read: Callable[[], Awaitable[bytes]]


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

    def asking_for(self, model: str) -> ModelProvider:
        """The provider for a job that wants `model`."""
        if self.named is None or model not in self.names:
            return self.provider
        return self.named(model)


class Models:
    """Every model of this process."""

    def __init__(self, servers: Sequence[Server], *, fallback: Server | None = None) -> None:
        """Exactly one of `servers` is the default."""
        (self._default,) = (server for server in servers if server.default)
        self._by_name = {name: server for server in servers for name in server.names}
        self._fallback = fallback
        self._servers = (*servers, *(() if fallback is None else (fallback,)))

    @property
    def name(self) -> str:
        """Name of the default provider."""
        return self._default.provider.name

    def server_for(self, model: str) -> Server:
        """The server that has a model, or the default one."""
        return self._by_name.get(model, self._default)

    async def vision(
        self, photo: Photo, question: str, *, model: str, budget: Budget
    ) -> Told[Vision]:
        """Classify a photo. Raises a :class:`~streaming.model.provider.ModelError`, or what
        reading the photo raises.
        """

        async def ask(server: Server) -> Told[Vision]:
            provider = server.asking_for(model)
            image = await _image(photo, with_bytes=server.needs_bytes)
            return await self._ask(
                server, "vision", lambda: provider.vision(image, question), budget
            )

        return await self._with_fallback("vision", model, ask)

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

        async def ask(server: Server) -> Told[Answer]:
            provider = server.asking_for(model)
            return await self._ask(
                server, "answer", lambda: provider.answer(vision, rule, question), budget
            )

        return await self._with_fallback("answer", model, ask)

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

    async def _with_fallback(
        self, kind: str, model: str, ask: Callable[[Server], Awaitable[Told[R]]]
    ) -> Told[R]:
        """Ask the job's server; the fallback while that one is held off, if there is one."""
        server = self.server_for(model)
        fallback = self._fallback
        if fallback is None:
            return await ask(server)
        if not server.guard.is_holding_off:
            try:
                return await ask(server)
            except (ModelUnavailable, ModelTimeout):
                if not server.guard.is_holding_off:
                    raise
        metrics.FALLBACKS.labels(kind).inc()
        return await ask(fallback)


async def _image(photo: Photo, *, with_bytes: bool) -> Image:
    if not with_bytes:
        return Image(url=photo.url, content_type=photo.content_type)
    data = await photo.read()
    try:
        stripped = strip(data)
    except NotAPhotoError as error:
        raise ModelRejected(str(error)) from error
    return Image(url=photo.url, data=stripped, content_type=photo.content_type)

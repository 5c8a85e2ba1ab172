"""Makes the models that the settings ask for."""

from __future__ import annotations

from functools import partial
from typing import Final

from streaming.knowledge import Knowledge
from streaming.model.guard import Guard
from streaming.model.models import Models, Server
from streaming.model.openai import OpenAIProvider
from streaming.model.openai_tools import OpenAITools
from streaming.model.prices import price_of
from streaming.model.settings import GEMINI_MODELS, Api, ModelSettings, Provider
from streaming.model.tools import Toolbox

OFFLINE_CONCURRENCY: Final = 4
"""Photos the offline reader works on at once; each keeps a core busy."""


def build_models(settings: ModelSettings, knowledge: Knowledge) -> Models:
    """The models of this process; :meth:`Models.close` ends them.

    ValueError when the settings contradict each other or name no model for production.
    """
    if settings.effective_provider is Provider.OFFLINE:
        return Models([_offline(settings, knowledge, default=True)])
    servers = [_openai(settings, knowledge)]
    if settings.gemini_api_key.get_secret_value():
        servers.append(_gemini(settings, knowledge))
    fallback = None
    if settings.model_fallback:
        fallback = _offline(settings, knowledge, default=False)
    return Models(servers, fallback=fallback)


def _openai(settings: ModelSettings, knowledge: Knowledge) -> Server:
    provider = OpenAIProvider(knowledge, settings)
    price = partial(price_of, settings=settings)
    tools = Toolbox(provider.name, OpenAITools(provider, knowledge, settings), settings, price)
    return Server(
        provider=provider,
        guard=Guard(provider.name, settings),
        needs_bytes=settings.sends_inline,
        default=True,
        named=provider.named,
        names=settings.served_names,
        price=price,
        talks=lambda model: provider.named(model).chat if model else provider.chat,
        searcher=tools if settings.searches else None,
        painter=tools if settings.draws else None,
    )


def _gemini(settings: ModelSettings, knowledge: Knowledge) -> Server:
    provider = OpenAIProvider(
        knowledge,
        settings,
        name="gemini",
        base_url=settings.gemini_base_url,
        api_key=settings.gemini_api_key.get_secret_value(),
        model=GEMINI_MODELS[1],
        api=Api.CHAT,
        # Google's interface fetches no URLs (https://ai.google.dev/gemini-api/docs/openai)
        inline=True,
        replaceable=True,
    )
    return Server(
        provider=provider,
        guard=Guard(provider.name, settings),
        needs_bytes=True,
        named=provider.named,
        names=frozenset(GEMINI_MODELS),
        price=partial(price_of, settings=settings),
        talks=lambda model: provider.named(model).chat if model else provider.chat,
    )


def _offline(settings: ModelSettings, knowledge: Knowledge, *, default: bool) -> Server:
    # imported here: it loads image libraries that other processes have no use for
    from streaming.model.offline import OfflineProvider

    provider = OfflineProvider(knowledge)
    return Server(
        provider=provider,
        guard=Guard(provider.name, settings, concurrency=OFFLINE_CONCURRENCY),
        needs_bytes=True,
        default=default,
    )

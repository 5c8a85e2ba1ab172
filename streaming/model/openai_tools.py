"""The tools of OpenAI's server, over the connections and with the key of its provider.

Whether a server has them is said by the settings; a compatible one that has not answers 404, which
is an error like any other of the server's.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yarl import URL

from streaming.knowledge import Knowledge
from streaming.model import wire_tools
from streaming.model.openai import OpenAIProvider
from streaming.model.provider import ModelOutputInvalid
from streaming.model.settings import ModelSettings
from streaming.model.tools import Drawing, Finding


class OpenAITools:
    """Searches and draws."""

    def __init__(
        self, provider: OpenAIProvider, knowledge: Knowledge, settings: ModelSettings
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._search, self._draw = knowledge.prompts["search"], knowledge.prompts["draw"]

    async def search(self, asked: Mapping[str, Any], seconds: float) -> Finding:
        """See :class:`~streaming.model.tools.ToolProvider`."""
        settings = self._settings
        name = settings.model_search_name or settings.model
        body = wire_tools.search_body(
            name,
            self._search.text,
            self._search.user(asked),
            context=settings.model_search_context,
            most_tokens=settings.model_max_output_tokens,
            effort=settings.model_reasoning_effort,
        )
        began = time.perf_counter()
        answer = await self._post(wire_tools.SEARCH_PATH, body, seconds, wire_tools.SEARCH_BYTES)
        found = wire_tools.read_search(answer)
        return Finding(
            text=found.text,
            sources=found.sources,
            usage=replace(found.usage, latency_seconds=time.perf_counter() - began),
            model=found.model or name,
            prompt_version=self._search.version,
        )

    async def draw(self, asked: Mapping[str, Any], seconds: float) -> Drawing:
        """See :class:`~streaming.model.tools.ToolProvider`."""
        settings = self._settings
        name = settings.model_picture_name
        prompt = f"{self._draw.text}\n\n{self._draw.user(asked)}"
        body = wire_tools.drawing_body(name, prompt, settings.model_picture_quality)
        began = time.perf_counter()
        answer = await self._post(wire_tools.DRAWING_PATH, body, seconds, wire_tools.DRAWING_BYTES)
        drawn = await asyncio.to_thread(wire_tools.read_drawing, answer)  # megabytes of base64
        return Drawing(
            data=drawn.data,
            content_type=drawn.content_type,
            usage=replace(drawn.usage, latency_seconds=time.perf_counter() - began),
            model=name,
            prompt_version=self._draw.version,
        )

    async def _post(self, path: str, body: bytes, seconds: float, most_bytes: int) -> object:
        """The JSON that is answered; a ModelError when there is none within time and size."""
        content = await self._provider.fetch(
            URL(self._provider.base_url + path),
            body,
            seconds=seconds,
            most_bytes=most_bytes,
            refusal=self._provider.refusal,
        )
        try:
            parsed: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelOutputInvalid("the answer is not JSON") from error
        return parsed

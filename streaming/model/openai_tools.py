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
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import httpx2
from openai import Timeout

from streaming.knowledge import Knowledge
from streaming.model import wire_tools
from streaming.model.openai import OpenAIProvider, timed_out_reading
from streaming.model.provider import ModelOutputInvalid, ModelTimeout, ModelUnavailable
from streaming.model.settings import ModelSettings
from streaming.model.tools import Drawing, Finding

_ERROR_BYTES: Final = 65_536


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
        provider = self._provider
        timeout = Timeout(seconds, connect=self._settings.model_connect_timeout_seconds, pool=None)
        try:
            async with (
                asyncio.timeout(seconds),
                provider.http.stream(
                    "POST",
                    provider.base_url + path,
                    content=body,
                    headers=provider.headers,
                    timeout=timeout,
                ) as response,
            ):
                status, headers = response.status_code, response.headers
                most = most_bytes if status == HTTPStatus.OK else _ERROR_BYTES
                content, whole = await _read(response, most)
        except TimeoutError:
            raise ModelTimeout(f"no answer within {seconds:g} s") from None
        except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            if timed_out_reading(error):
                raise ModelTimeout("no answer in time") from error
            raise ModelUnavailable("not reachable") from error
        if status != HTTPStatus.OK:
            raise provider.refusal(status, content, headers.get)
        if not whole:
            raise ModelOutputInvalid(f"the answer has more than {most_bytes} bytes")
        try:
            parsed: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelOutputInvalid("the answer is not JSON") from error
        return parsed


async def _read(response: httpx2.Response, most_bytes: int) -> tuple[bytes, bool]:
    """The body, and whether it is whole: no more is read than `most_bytes`."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > most_bytes:
            return bytes(content[:most_bytes]), False
    return bytes(content), True

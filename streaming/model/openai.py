"""Provider for OpenAI and every server that speaks its interface.

Measured with 5 kB of instructions on one core: the SDK's usual call costs 2.2 ms of CPU, with its
aiohttp transport 1.5 ms, with its low-level ``post`` and a body built here about 0.5 ms in a tight
loop. So the SDK gives what is known of the server (address, key, headers), and the request goes
over aiohttp's connections (:mod:`streaming.model.connections`). An SDK client costs about 40 ms to
build and lives as long as the process.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import aiohttp
from openai import AsyncOpenAI
from yarl import URL

from services.runtime.retry_after import retry_after
from streaming.knowledge import Knowledge, RuleDocument
from streaming.model import schema
from streaming.model.connections import Connections, trouble
from streaming.model.provider import (
    Answer,
    Image,
    ModelError,
    ModelNotServed,
    ModelOutputInvalid,
    ModelRateLimited,
    ModelRefused,
    ModelRejected,
    ModelUnavailable,
    Usage,
    Vision,
)
from streaming.model.settings import Api, ModelSettings
from streaming.model.talk import Talk
from streaming.model.wire import Call, Chat, Dialect, Options, Reply, Responses, Shown

DEFAULT_QUESTION: Final = "이 물건은 어떻게 버려야 하나요?"
"""Asked for a user who asked nothing."""

DEFAULT_RETRY_AFTER: Final = 2.0
"""Seconds to pause after a 429 that does not say how long."""

MAX_RETRY_AFTER: Final = 60.0
"""Longest pause a server may ask for: quotas are counted per minute."""

ANSWER_BYTES: Final = 8_000_000
"""Longest answer to a call for text that is read; a sensible one has 20 kB."""

ERROR_BYTES: Final = 65_536
"""What is read of an answer that is an error."""

_REFUSED: Final = frozenset({400, 413, 415, 422})
"""Statuses that say something about the request; any other error is the server's or ours."""

_POLICY: Final = frozenset(
    {
        "moderation_blocked",
        "image_generation_user_error",
        "content_policy_violation",
        "content_filter",
    }
)
"""Codes and types of such an error that say it is the server's policy which forbids it."""

_NOT_SERVED: Final = "model_not_found"
"""OpenAI's code for a model that was shut down (404) or is not open to the key (403). Google's
interface answers 404 without a code of that kind."""


Refusal = Callable[[int, bytes, Callable[[str], str | None]], ModelError]
"""Makes an error of the status, the body and the headers (by lower-case name) of an answer."""


class OpenAIProvider:
    """One server, one key, one model name. :meth:`named` asks the same server for another one."""

    def __init__(
        self,
        knowledge: Knowledge,
        settings: ModelSettings,
        *,
        name: str = "openai",
        base_url: str | None = None,
        api_key: str | None = None,
        model: str | None = None,
        api: Api | None = None,
        inline: bool | None = None,
        replaceable: bool = False,
    ) -> None:
        """What is left out is as the settings say; `inline` sends photos instead of URLs, and
        `replaceable` tells a model that the server does not have by ModelNotServed. One that was
        chosen with :meth:`named` always is.
        """
        self._name = name
        self._knowledge = knowledge
        self._model = model or settings.model
        self._replaceable = replaceable
        self._inline = settings.sends_inline if inline is None else inline
        self._image_detail = settings.model_image_detail
        self._call_seconds = settings.model_call_timeout_seconds
        self.options = Options(
            max_output_tokens=settings.model_max_output_tokens,
            reasoning_effort=settings.model_reasoning_effort,
        )
        self.dialect: Dialect = (
            Responses() if (api or settings.effective_api) is Api.RESPONSES else Chat()
        )
        self._vision, self._answer = knowledge.prompts["vision"], knowledge.prompts["answer"]
        vision_call, answer_call = _calls(knowledge)
        self._vision_head = self.dialect.head(vision_call, self.options)
        self._answer_head = self.dialect.head(answer_call, self.options)
        self._client = AsyncOpenAI(
            api_key=api_key or settings.openai_api_key.get_secret_value(),
            base_url=base_url or settings.openai_base_url,
            max_retries=0,
        )
        self.base_url = str(self._client.base_url).rstrip("/")
        self.url = URL(self.base_url + self.dialect.path)
        self.connections = Connections(self.url, settings.model_connect_timeout_seconds)
        self.headers = {
            name: value
            for name, value in self._client.default_headers.items()
            if isinstance(value, str)  # others stand for headers that are left out
        }
        self.chat = Talk(self, knowledge, settings)

    @property
    def name(self) -> str:
        """``openai``, or ``gemini`` for Google's server."""
        return self._name

    @property
    def model(self) -> str:
        """Model name that is asked for."""
        return self._model

    def named(self, model: str) -> OpenAIProvider:
        """The same server and connections, asked for `model`."""
        if model == self._model:
            return self
        other = copy.copy(self)
        other._model = model
        other._replaceable = True
        other.chat = self.chat.of(other)
        return other

    @property
    def needs_bytes(self) -> bool:
        """Whether :meth:`vision` sends the photo itself instead of its URL."""
        return self._inline

    async def vision(self, image: Image, question: str) -> Vision:
        """Classify the photo; labels come back folded to the taxonomy."""
        url = _data_url(image) if self._inline else image.url
        shown = Shown(url, image.detail or self._image_detail)
        text = self._vision.user({"question": question or DEFAULT_QUESTION})
        reply = await self.ask(self._vision_head, text, shown)
        labels = schema.read_vision(reply.text)
        folded = self._knowledge.canonical(labels.major, labels.middle, labels.minor)
        return Vision(
            major=folded.major,
            middle=folded.middle,
            minor=folded.minor,
            situation_tags=self._knowledge.valid_tags((*labels.tags, *folded.tags)),
            confidence=labels.confidence,
            usage=reply.usage,
            model=reply.model or self._model,
            prompt_version=self._vision.version,
        )

    async def answer(self, vision: Vision, rule: RuleDocument | None, question: str) -> Answer:
        """Word what to do, from the rule document alone."""
        text = self._answer.user(
            {
                "classification": {
                    "major_category": vision.major,
                    "middle_category": vision.middle,
                    "minor_category": vision.minor,
                },
                "situation_tags": vision.situation_tags,
                "rule": None if rule is None else rule.as_dict(),
                "question": question or DEFAULT_QUESTION,
            }
        )
        reply = await self.ask(self._answer_head, text)
        wording = schema.read_answer(reply.text)
        return Answer(
            disposal_steps=wording.steps,
            insufficiencies=wording.insufficiencies,
            user_answer=wording.answer,
            usage=reply.usage,
            model=reply.model or self._model,
            prompt_version=self._answer.version,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.connections.close()
        await self._client.close()

    async def ask(self, head: bytes, text: str, shown: Shown | None = None) -> Reply:
        """One call whose fixed part is `head`. Raises a ModelError."""
        body = head + self.dialect.tail(self._model, text, shown)
        began = time.perf_counter()
        content = await self.fetch(
            self.url,
            body,
            seconds=self._call_seconds,
            most_bytes=ANSWER_BYTES,
            refusal=self.declined,
        )
        try:
            parsed: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelOutputInvalid("the answer is not JSON") from error
        reply = self.dialect.read(parsed)
        usage = Usage(
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
            cached_input_tokens=reply.usage.cached_input_tokens,
            latency_seconds=time.perf_counter() - began,
        )
        return Reply(reply.text, reply.model, usage)

    async def fetch(
        self, url: URL, body: bytes, *, seconds: float, most_bytes: int, refusal: Refusal
    ) -> bytes:
        """The whole of a good answer; a ModelError when there is none within time and size, what
        `refusal` makes of it for an answer that is no 200.
        """
        try:
            async with (
                asyncio.timeout(seconds),
                self.connections.session.post(url, data=body, headers=self.headers) as response,
            ):
                good = response.status == HTTPStatus.OK
                content, whole = await _read(response, most_bytes if good else ERROR_BYTES)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise trouble(error, seconds) from error
        if not good:
            raise refusal(response.status, content, response.headers.get)
        if not whole:
            raise ModelOutputInvalid(f"the answer has more than {most_bytes} bytes")
        return content

    def declined(self, status: int, body: bytes, header: Callable[[str], str | None]) -> ModelError:
        """As :meth:`refusal`, for a call to the model of this provider."""
        missing = status == HTTPStatus.NOT_FOUND or (
            400 <= status < 500 and _code(body) == _NOT_SERVED
        )
        if missing and self._replaceable:
            return ModelNotServed(f"{self._name} does not serve {self._model}: {status}")
        return self.refusal(status, body, header)

    @staticmethod
    def refusal(status: int, body: bytes, header: Callable[[str], str | None]) -> ModelError:
        """An answer that is no 200 as an error; its text may quote the request and is left out."""
        code = _code(body)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            seconds = pause(header("retry-after-ms"), header("retry-after"), time.time())
            return ModelRateLimited(f"429 ({code})", retry_after_seconds=seconds)
        if status in _REFUSED:
            return (ModelRefused if code in _POLICY else ModelRejected)(f"{status} ({code})")
        seconds = pause(header("retry-after-ms"), header("retry-after"), time.time(), default=0)
        return ModelUnavailable(f"{status} ({code})", retry_after_seconds=seconds or None)


def _calls(knowledge: Knowledge) -> tuple[Call, Call]:
    """The fixed parts of the two calls, from the knowledge's prompts and taxonomy."""
    vision, answer = knowledge.prompts["vision"], knowledge.prompts["answer"]
    taxonomy = knowledge.taxonomy
    unclassified = taxonomy.unclassified.major
    middles = (middle.name for major in taxonomy.majors for middle in major.classes)
    return (
        Call(
            name="vision",
            instructions=vision.text,
            schema=schema.vision_schema(
                (*(major.name for major in taxonomy.majors), unclassified),
                tuple(dict.fromkeys((*middles, unclassified))),
                knowledge.tags.names,
                vision.fields,
            ),
            version=vision.version,
        ),
        Call(
            name="answer",
            instructions=answer.text,
            schema=schema.answer_schema(answer.fields),
            version=answer.version,
        ),
    )


def _data_url(image: Image) -> str:
    if image.data is None:
        raise ValueError("an inline photo needs its bytes")
    return f"data:{image.content_type};base64,{base64.b64encode(image.data).decode('ascii')}"


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> tuple[bytes, bool]:
    """The body, and whether it is whole: no more is read than `most_bytes`."""
    content = bytearray()
    while chunk := await response.content.readany():
        content += chunk
        if len(content) > most_bytes:
            return bytes(content[:most_bytes]), False
    return bytes(content), True


def _code(body: bytes) -> str:
    """The code in an error's body, else its type: ``{"error": {"code": …, "type": …}}``."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "no code"
    error = document.get("error") if isinstance(document, dict) else None
    told = (error.get("code"), error.get("type")) if isinstance(error, dict) else ()
    return next((code for code in told if isinstance(code, str) and code), "no code")


def pause(
    milliseconds: str | None,
    header: str | None,
    now: float,
    *,
    default: float = DEFAULT_RETRY_AFTER,
) -> float:
    """Seconds a server asks to wait, in ``retry-after-ms`` or else ``Retry-After``; between 0 and
    :data:`MAX_RETRY_AFTER`.
    """
    if milliseconds is None:
        asked = retry_after(header, now)
    else:
        asked = retry_after(milliseconds, now)
        asked = None if asked is None else asked / 1000
    return min(default if asked is None else asked, MAX_RETRY_AFTER)

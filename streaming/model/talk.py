"""The calls of a chat to OpenAI and every server that speaks its interface.

The three structured ones go the way of a scan's calls. A reply is a stream, whose pieces are taken
a frame's worth at a time: parsing one costs 0.005 ms of CPU, in the SDK's own stream 0.12 ms.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from pydantic_core import from_json

from streaming.knowledge import Knowledge
from streaming.model import schema
from streaming.model.chat import Grading, Line, Speech, Summary, Understanding
from streaming.model.connections import trouble
from streaming.model.provider import (
    ModelOutputInvalid,
    ModelTimeout,
    ModelUnavailable,
    Usage,
)
from streaming.model.settings import ModelSettings
from streaming.model.sse import Events
from streaming.model.wire import MAX_TEXT, Call, Dialect

if TYPE_CHECKING:
    from streaming.model.openai import OpenAIProvider

_ERROR_BYTES: Final = 4096


class Talk:
    """A server's chat calls, for one model name."""

    def __init__(
        self, provider: OpenAIProvider, knowledge: Knowledge, settings: ModelSettings
    ) -> None:
        self._provider = provider
        self._idle = settings.model_stream_idle_seconds
        self._first = settings.model_call_timeout_seconds
        prompts = knowledge.prompts
        self._intent, self._reply = prompts["intent"], prompts["reply"]
        self._summary, self._grade = prompts["summary"], prompts["grade"]
        self._options = options = provider.options
        self._dialect: Dialect = provider.dialect

        def head(name: str, made: dict[str, Any]) -> bytes:
            prompt = prompts[name]
            call = Call(name=name, instructions=prompt.text, schema=made, version=prompt.version)
            return self._dialect.head(call, options)

        self._intent_head = head("intent", schema.intent_schema(self._intent.fields))
        self._summary_head = head("summary", schema.summary_schema(self._summary.fields))
        self._grade_head = head("grade", schema.grade_schema(self._grade.fields))
        self._reply_head = self._dialect.stream_head(self._reply.text, self._reply.version, options)

    def of(self, provider: OpenAIProvider) -> Talk:
        """The same for another model name of the server."""
        other = copy.copy(self)
        other._provider = provider
        return other

    async def intent(self, asked: Mapping[str, Any]) -> Understanding:
        """See :class:`~streaming.model.chat.ChatProvider`."""
        reply = await self._provider.ask(self._intent_head, self._intent.user(asked))
        return Understanding(
            questions=schema.read_intent(reply.text),
            usage=reply.usage,
            model=reply.model or self._provider.model,
            prompt_version=self._intent.version,
        )

    async def summary(self, asked: Mapping[str, Any]) -> Summary:
        """See :class:`~streaming.model.chat.ChatProvider`."""
        reply = await self._provider.ask(self._summary_head, self._summary.user(asked))
        return Summary(
            text=schema.read_summary(reply.text),
            usage=reply.usage,
            model=reply.model or self._provider.model,
            prompt_version=self._summary.version,
        )

    async def grade(self, asked: Mapping[str, Any]) -> Grading:
        """See :class:`~streaming.model.chat.ChatProvider`."""
        reply = await self._provider.ask(self._grade_head, self._grade.user(asked))
        return Grading(
            axes=schema.read_grade(reply.text),
            usage=reply.usage,
            model=reply.model or self._provider.model,
            prompt_version=self._grade.version,
        )

    @asynccontextmanager
    async def reply(
        self, asked: Mapping[str, Any], history: Sequence[Line]
    ) -> AsyncIterator[Speech]:
        """See :class:`~streaming.model.chat.ChatProvider`."""
        provider = self._provider
        body = self._reply_head + self._dialect.stream_tail(
            provider.model, [(line.role, line.content) for line in history], self._reply.user(asked)
        )
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._first):
                response = await provider.connections.session.post(
                    provider.url, data=body, headers=provider.headers
                )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise trouble(error, self._first) from error
        stream = _Stream(
            response,
            self._dialect,
            model=provider.model,
            prompt_version=self._reply.version,
            began=began,
            first_seconds=self._first,
            idle_seconds=self._idle,
        )
        try:
            if response.status != HTTPStatus.OK:
                text = await _beginning(response)
                raise provider.declined(response.status, text, response.headers.get)
            if "event-stream" not in response.headers.get("content-type", ""):
                raise ModelOutputInvalid("the answer is not a stream")
            yield stream
        finally:
            stream.close()


class _Stream:
    """The text of a stream of events."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        dialect: Dialect,
        *,
        model: str,
        prompt_version: str,
        began: float,
        first_seconds: float,
        idle_seconds: float,
    ) -> None:
        self.model = model
        self.prompt_version = prompt_version
        self.usage = Usage()
        self.cut = False
        self._response = response
        self._dialect = dialect
        self._began = began
        self._patience = first_seconds
        self._idle = idle_seconds
        self._events = Events()
        self._length = 0
        self._finished = False
        self._said = False
        self._spoken = False
        self._loop = asyncio.get_running_loop()
        self._waits_since: float | None = None
        """Loop time since which a read waits; None while nobody reads."""
        self._watch = self._loop.call_later(self._patience, self._look)

    async def read(self) -> str:
        """See :class:`~streaming.model.chat.Speech`."""
        while not self._finished:
            self._waits_since = self._loop.time()
            try:
                chunk = await self._arrived()
            except TimeoutError:
                raise ModelTimeout(f"silent for {self._patience:g} s") from None
            except (aiohttp.ClientError, OSError) as error:
                raise ModelUnavailable("the stream broke off") from error
            finally:
                self._waits_since = None
            text = self._take(chunk) if chunk else self._end()
            if text:
                if not self._spoken:
                    self._spoken = True
                    self._watch_for(self._idle)
                return text
        return ""

    def close(self) -> None:
        """Let the stream go: one that was read out gives its connection back, any other is cut."""
        self._watch.cancel()
        self._response.close()

    def _watch_for(self, seconds: float) -> None:
        """Be patient for so long from now on."""
        self._watch.cancel()
        self._patience = seconds
        self._watch = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Break the read that waits for too long. One timer for many reads: setting and cancelling
        one in each took a tenth of what reading costs.
        """
        now, since = self._loop.time(), self._waits_since
        left = self._patience - (now - since if since is not None else 0.0)
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self._response.content.set_exception(TimeoutError())

    async def _arrived(self) -> bytes:
        """What has arrived; empty at the end.

        Between two reads the socket is left alone, so that what comes meanwhile is one wake-up
        instead of many (1.0 ms of CPU a second of speech instead of 1.4).
        """
        response = self._response
        connection = response.connection  # None once all has arrived
        if connection is not None and connection.transport is not None:
            connection.transport.resume_reading()
        chunk = await response.content.readany()
        connection = response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.pause_reading()
        return chunk

    def _end(self) -> str:
        """The bytes are over: good only if the model had said all it had to say."""
        if not self._said:
            raise ModelUnavailable("the stream broke off")
        self._finish()
        return ""

    def _take(self, chunk: bytes) -> str:
        text = ""
        for data in self._events.feed(chunk):
            if data == b"[DONE]":
                self._said = True
                break
            try:
                event: object = from_json(data)
            except ValueError:
                raise ModelOutputInvalid("an event of the stream is not JSON") from None
            piece = self._dialect.read_event(event)
            text += piece.text
            if piece.model:
                self.model = piece.model
            if piece.usage is not None:
                self.usage = piece.usage
            self.cut = self.cut or piece.cut
            self._said = self._said or piece.ended
        self._length += len(text)
        if self._said and not self._length:
            raise ModelOutputInvalid("the answer is empty")
        if self._length > MAX_TEXT:
            self.cut = True
            self._finish()
        return text

    def _finish(self) -> None:
        self._finished = True
        self.usage = replace(self.usage, latency_seconds=time.perf_counter() - self._began)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    try:
        async with asyncio.timeout(2.0):
            return await response.content.read(_ERROR_BYTES)
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""

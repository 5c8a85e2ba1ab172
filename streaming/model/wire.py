"""OpenAI's two interfaces: what a call looks like and how its answer is read. Pure.

``responses`` is OpenAI's own newer one (``/responses``; the only one that serves ``…-pro``);
``chat`` (``/chat/completions``) is what compatible servers speak. In both the instructions and the
schema come first and never change, so that the server's prompt cache can keep them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from streaming.model.provider import (
    ModelOutputInvalid,
    ModelRejected,
    ModelUnavailable,
    Usage,
)

MAX_TEXT: Final = 16_000
"""Characters of an answer that are read; the longest sensible one has about 3,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The fixed part of one kind of call."""

    name: str
    """Name of the schema: letters, digits, ``_`` and ``-``."""
    instructions: str
    schema: dict[str, Any]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the settings say about every call."""

    max_output_tokens: int
    reasoning_effort: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that is sent along."""

    url: str
    detail: str
    """Resolution it is looked at in: ``low``, ``high`` or ``auto``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    text: str
    model: str
    usage: Usage


class Piece(NamedTuple):
    """What one event of a stream says."""

    text: str = ""
    model: str = ""
    usage: Usage | None = None
    cut: bool = False
    """Whether the answer ends because it became too long."""
    ended: bool = False
    """Whether no text follows (what was used may)."""


NOTHING: Final = Piece()


class Dialect(Protocol):
    """One of the two interfaces."""

    path: str

    def head(self, call: Call, options: Options) -> bytes:
        """The part of the body that is the same in every call, an open JSON object."""
        ...

    def tail(self, model: str, text: str, shown: Shown | None) -> bytes:
        """The rest of the body."""
        ...

    def read(self, body: object) -> Reply:
        """Read an answer (parsed JSON).

        Raises :class:`ModelRejected` for a refusal, :class:`ModelOutputInvalid` for anything that
        is not a whole answer.
        """
        ...

    def stream_head(self, instructions: str, version: str, options: Options) -> bytes:
        """As :meth:`head`, for an answer that is text and comes as a stream."""
        ...

    def stream_tail(self, model: str, history: Sequence[tuple[str, str]], text: str) -> bytes:
        """As :meth:`tail`, for a stream; `history` are earlier messages by role."""
        ...

    def read_event(self, event: object) -> Piece:
        """Read one event of a stream (parsed JSON). Raises as :meth:`read`, and
        :class:`ModelUnavailable` for an error that is sent as an event.
        """
        ...


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _open(members: dict[str, Any]) -> bytes:
    """A JSON object without its closing brace."""
    return _json(members)[:-1]


def _close(members: dict[str, Any]) -> bytes:
    """Further members of an open object, and its closing brace."""
    return b"," + _json(members)[1:]


class Responses:
    """``POST /responses``."""

    path = "/responses"

    def head(self, call: Call, options: Options) -> bytes:
        """See :class:`Dialect`."""
        members: dict[str, Any] = {
            "instructions": call.instructions,
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": call.name,
                    "strict": True,
                    "schema": call.schema,
                }
            },
            "max_output_tokens": options.max_output_tokens,
            "store": False,
            "prompt_cache_key": f"eco2-{call.name}-{call.version}"[:64],
        }
        if options.reasoning_effort:
            members["reasoning"] = {"effort": options.reasoning_effort}
        return _open(members)

    def tail(self, model: str, text: str, shown: Shown | None) -> bytes:
        """See :class:`Dialect`."""
        content: list[dict[str, Any]] = [{"type": "input_text", "text": text}]
        if shown is not None:
            content.append({"type": "input_image", "image_url": shown.url, "detail": shown.detail})
        return _close({"model": model, "input": [{"role": "user", "content": content}]})

    def read(self, body: object) -> Reply:
        """See :class:`Dialect`."""
        answer = mapping(body)
        status = answer.get("status", "completed")
        if status != "completed":
            why = mapping(answer.get("incomplete_details") or {}).get("reason", status)
            if why == "content_filter":
                raise ModelRejected("the model's content filter stopped the answer")
            raise ModelOutputInvalid(f"the answer is not complete ({why})")
        texts: list[str] = []
        for item in sequence(answer.get("output")):
            if mapping(item).get("type") != "message":
                continue
            for part in sequence(mapping(item).get("content")):
                kind = mapping(part).get("type")
                if kind == "refusal":
                    raise ModelRejected("the model refused")
                if kind == "output_text":
                    texts.append(text_of(mapping(part).get("text")))
        usage = mapping(answer.get("usage") or {})
        return Reply(
            _whole("".join(texts)),
            text_of(answer.get("model", "")),
            usage_of(usage, "input", "output"),
        )

    def stream_head(self, instructions: str, version: str, options: Options) -> bytes:
        """See :class:`Dialect`."""
        members: dict[str, Any] = {
            "instructions": instructions,
            "stream": True,
            "max_output_tokens": options.max_output_tokens,
            "store": False,
            "prompt_cache_key": f"eco2-reply-{version}"[:64],
        }
        if options.reasoning_effort:
            members["reasoning"] = {"effort": options.reasoning_effort}
        return _open(members)

    def stream_tail(self, model: str, history: Sequence[tuple[str, str]], text: str) -> bytes:
        """See :class:`Dialect`."""
        said = [{"role": role, "content": content} for role, content in (*history, ("user", text))]
        return _close({"model": model, "input": said})

    def read_event(self, event: object) -> Piece:
        """See :class:`Dialect`."""
        members = mapping(event)
        kind = members.get("type")
        if kind == "response.output_text.delta":
            return Piece(text_of(members.get("delta")))
        if kind in ("response.completed", "response.incomplete"):
            answer = mapping(members.get("response"))
            why = mapping(answer.get("incomplete_details") or {}).get("reason")
            if why == "content_filter":
                raise ModelRejected("the model's content filter stopped the answer")
            usage = usage_of(mapping(answer.get("usage") or {}), "input", "output")
            cut = kind == "response.incomplete"
            return Piece("", text_of(answer.get("model", "")), usage, cut, True)
        if kind == "response.refusal.delta":
            raise ModelRejected("the model refused")
        if kind in ("error", "response.failed"):
            raise ModelUnavailable("the stream ended with an error")
        return NOTHING


class Chat:
    """``POST /chat/completions``."""

    path = "/chat/completions"

    def head(self, call: Call, options: Options) -> bytes:
        """See :class:`Dialect`."""
        members: dict[str, Any] = {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": call.name, "strict": True, "schema": call.schema},
            },
            "max_completion_tokens": options.max_output_tokens,
        }
        if options.reasoning_effort:
            members["reasoning_effort"] = options.reasoning_effort
        # the list of messages stays open: the user's follows
        system = {"role": "system", "content": call.instructions}
        return _open(members) + b',"messages":[' + _json(system)

    def tail(self, model: str, text: str, shown: Shown | None) -> bytes:
        """See :class:`Dialect`."""
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if shown is not None:
            image = {"url": shown.url, "detail": shown.detail}
            content.append({"type": "image_url", "image_url": image})
        user = {"role": "user", "content": content if shown is not None else text}
        return b"," + _json(user) + b"]" + _close({"model": model})

    def read(self, body: object) -> Reply:
        """See :class:`Dialect`."""
        answer = mapping(body)
        choices = sequence(answer.get("choices"))
        if not choices:
            raise ModelOutputInvalid("the answer has no choice")
        choice = mapping(choices[0])
        message = mapping(choice.get("message"))
        if message.get("refusal"):
            raise ModelRejected("the model refused")
        finish = choice.get("finish_reason")
        if finish == "content_filter":
            raise ModelRejected("the model's content filter stopped the answer")
        if finish == "length":
            raise ModelOutputInvalid("the answer is not complete (length)")
        usage = mapping(answer.get("usage") or {})
        return Reply(
            _whole(text_of(message.get("content"))),
            text_of(answer.get("model", "")),
            usage_of(usage, "prompt", "completion"),
        )

    def stream_head(self, instructions: str, version: str, options: Options) -> bytes:
        """See :class:`Dialect`."""
        members: dict[str, Any] = {
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": options.max_output_tokens,
        }
        if options.reasoning_effort:
            members["reasoning_effort"] = options.reasoning_effort
        system = {"role": "system", "content": instructions}
        return _open(members) + b',"messages":[' + _json(system)

    def stream_tail(self, model: str, history: Sequence[tuple[str, str]], text: str) -> bytes:
        """See :class:`Dialect`."""
        said = [{"role": role, "content": content} for role, content in (*history, ("user", text))]
        return b"," + _json(said)[1:] + _close({"model": model})

    def read_event(self, event: object) -> Piece:
        """See :class:`Dialect`. The end is the server's ``[DONE]``."""
        members = mapping(event)
        if members.get("error"):
            raise ModelUnavailable("the stream ended with an error")
        used = members.get("usage")
        usage = usage_of(mapping(used), "prompt", "completion") if used else None
        model = text_of(members.get("model") or "")
        choices = sequence(members.get("choices"))
        if not choices:
            return Piece("", model, usage)
        choice = mapping(choices[0])
        delta = mapping(choice.get("delta") or {})
        if delta.get("refusal"):
            raise ModelRejected("the model refused")
        finish = choice.get("finish_reason")
        if finish == "content_filter":
            raise ModelRejected("the model's content filter stopped the answer")
        text = text_of(delta.get("content") or "")
        return Piece(text, model, usage, finish == "length", finish is not None)


def usage_of(usage: dict[str, Any], input_name: str, output_name: str) -> Usage:
    """Tokens of an answer; what is missing or no count is zero."""
    details = mapping(usage.get(f"{input_name}_tokens_details") or {})
    return Usage(
        input_tokens=count_of(usage.get(f"{input_name}_tokens")),
        output_tokens=count_of(usage.get(f"{output_name}_tokens")),
        cached_input_tokens=count_of(details.get("cached_tokens")),
    )


def mapping(value: object) -> dict[str, Any]:
    """An object of an answer; ModelOutputInvalid when it is none."""
    if not isinstance(value, dict):
        raise ModelOutputInvalid("the answer is not what the interface promises")
    return value


def sequence(value: object) -> list[Any]:
    """A list of an answer; ModelOutputInvalid when it is none."""
    if not isinstance(value, list):
        raise ModelOutputInvalid("the answer is not what the interface promises")
    return value


def text_of(value: object) -> str:
    """A string of an answer; ModelOutputInvalid when it is none."""
    if not isinstance(value, str):
        raise ModelOutputInvalid("the answer is not what the interface promises")
    return value


def _whole(text: str) -> str:
    if not text.strip():
        raise ModelOutputInvalid("the answer is empty")
    if len(text) > MAX_TEXT:
        raise ModelOutputInvalid(f"the answer has {len(text)} characters")
    return text


def count_of(value: object) -> int:
    """A count of an answer; 0 when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0

"""Searching and drawing on OpenAI's wire: what a call looks like and how its answer is read. Pure.

A search is ``POST /responses`` with the hosted ``web_search`` tool; its answer holds an item
``web_search_call`` for every step and a message whose text carries ``url_citation`` annotations
(https://developers.openai.com/api/docs/guides/tools-web-search). A picture is
``POST /images/generations``; it comes as base64 in ``data[0].b64_json``
(https://developers.openai.com/api/reference/resources/images/methods/generate).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

from streaming.model.provider import ModelOutputInvalid, ModelRefused, Usage
from streaming.model.tools import Source
from streaming.model.wire import count_of, mapping, sequence, text_of, usage_of

SEARCH_PATH: Final = "/responses"
DRAWING_PATH: Final = "/images/generations"

MOST_FOUND: Final = 50_000
"""Characters of a report that are read."""
MOST_SOURCES: Final = 20
MOST_ASKED: Final = 32_000
"""Characters of a prompt for a picture: what the server takes."""
MOST_PICTURE_BYTES: Final = 10 * 1024 * 1024
"""The images service takes no larger one."""
PICTURE_SIZE: Final = "1024x1024"

SEARCH_BYTES: Final = 2_000_000
"""Largest answer to a search that is read: a report of Korean text, and what is around it."""
DRAWING_BYTES: Final = MOST_PICTURE_BYTES * 4 // 3 + 100_000
"""The same for a picture: as base64, and what is around it."""


@dataclass(frozen=True, slots=True)
class Searched:
    """The answer to a search."""

    text: str
    sources: tuple[Source, ...]
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Drawn:
    """The answer to a request for a picture."""

    data: bytes
    content_type: str
    usage: Usage


def search_body(
    model: str, instructions: str, text: str, *, context: str, most_tokens: int, effort: str
) -> bytes:
    """A search; the tool has to be used, so that no answer comes from the model's memory."""
    members: dict[str, Any] = {
        "model": model,
        "instructions": instructions,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}],
        "tools": [
            {
                "type": "web_search",
                "search_context_size": context,
                "user_location": {
                    "type": "approximate",
                    "country": "KR",
                    "timezone": "Asia/Seoul",
                },
            }
        ],
        "tool_choice": "required",
        "max_output_tokens": most_tokens,
        "store": False,
    }
    if effort:
        # the tool does not go with `minimal`
        members["reasoning"] = {"effort": "low" if effort == "minimal" else effort}
    return json.dumps(members, ensure_ascii=False).encode()


def read_search(body: object) -> Searched:
    """The report and its sources.

    Raises ModelRefused for a refusal, ModelOutputInvalid for what is no report from the web. A
    report that was cut off is taken as far as it goes.
    """
    answer = mapping(body)
    why = mapping(answer.get("incomplete_details") or {}).get("reason")
    if why == "content_filter":
        raise ModelRefused("the server's content filter stopped the search")
    texts: list[str] = []
    sources: dict[str, Source] = {}
    steps = searches = 0
    for item in map(mapping, sequence(answer.get("output"))):
        if item.get("type") == "web_search_call":
            steps += 1
            action = item.get("action")
            # opening a page that was found is not charged
            searches += not isinstance(action, dict) or action.get("type", "search") == "search"
        elif item.get("type") == "message":
            for part in map(mapping, sequence(item.get("content"))):
                if part.get("type") == "refusal":
                    raise ModelRefused("the model refused to search")
                if part.get("type") == "output_text":
                    texts.append(text_of(part.get("text")))
                    for source in _cited(part.get("annotations") or []):
                        sources.setdefault(source.url, source)
    text = "\n\n".join(texts).strip()
    if not text:
        raise ModelOutputInvalid("the report is empty")
    if not steps and not sources:
        raise ModelOutputInvalid("nothing was searched")
    used = usage_of(mapping(answer.get("usage") or {}), "input", "output")
    return Searched(
        text[:MOST_FOUND],
        tuple(sources.values())[:MOST_SOURCES],
        text_of(answer.get("model") or ""),
        Usage(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cached_input_tokens=used.cached_input_tokens,
            searches=searches,
        ),
    )


def _cited(annotations: object) -> list[Source]:
    found = []
    for note in map(mapping, sequence(annotations)):
        url, title = note.get("url"), note.get("title")
        if note.get("type") == "url_citation" and isinstance(url, str) and url:
            found.append(Source(title if isinstance(title, str) else "", url))
    return found


def drawing_body(model: str, prompt: str, quality: str) -> bytes:
    """A request for one picture."""
    members: dict[str, Any] = {
        "model": model,
        "prompt": prompt[:MOST_ASKED],
        "n": 1,
        "size": PICTURE_SIZE,
    }
    if model.startswith("gpt-image"):
        # always base64 there; JPEG is the quickest to make and a tenth of a PNG
        members["output_format"] = "jpeg"
    else:
        members["response_format"] = "b64_json"
    if quality:
        members["quality"] = quality
    return json.dumps(members, ensure_ascii=False).encode()


def read_drawing(body: object) -> Drawn:
    """The picture; ModelOutputInvalid when there is none that can be shown."""
    answer = mapping(body)
    pictures = sequence(answer.get("data"))
    if not pictures:
        raise ModelOutputInvalid("the answer has no picture")
    encoded = text_of(mapping(pictures[0]).get("b64_json"))
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ModelOutputInvalid("the picture is not base64") from None
    kind = _content_type(data)
    if not kind or len(data) > MOST_PICTURE_BYTES:
        raise ModelOutputInvalid("the picture is too large or of an unknown kind")
    told = mapping(answer.get("usage") or {})
    usage = Usage(
        input_tokens=count_of(told.get("input_tokens")),
        output_tokens=count_of(told.get("output_tokens")),
    )
    return Drawn(data, kind, usage)


def _content_type(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""

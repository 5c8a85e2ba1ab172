"""What the simulated model says in a chat: structured answers, and replies as streams."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Final, Protocol

END: Final = b"0\r\n\r\n"

HEAD: Final = (
    b"HTTP/1.1 200 -\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Writer(Protocol):
    """Where a stream is written."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """Cut the connection."""
        ...


def structured(kind: str, intent: str, confidence: float) -> str:
    """The answer to a call for an intent, a summary or a grade."""
    if kind == "intent":
        question = {"text": "질문", "intent": intent, "confidence": confidence}
        return json.dumps({"questions": [question | {"reasoning": "말에서"}]}, ensure_ascii=False)
    if kind == "summary":
        return json.dumps({"summary": "지금까지의 요약"}, ensure_ascii=False)
    axes = ("faithfulness", "relevance", "completeness", "safety", "communication")
    return json.dumps(dict.fromkeys(axes, 92))


def token(number: int) -> str:
    """The n-th token of every reply, from 0: its number shows what was lost or doubled."""
    return f"{number}번 "


def whole(tokens: int) -> str:
    """A reply of so many tokens, as it is stored."""
    return "".join(map(token, range(tokens))).strip()


class Reply:
    """One reply on its way."""

    def __init__(
        self,
        writer: Writer,
        *,
        responses: bool,
        tokens: int,
        seconds: Callable[[], float],
        stall_after: int | None,
        cut_after: int | None,
        garbage_after: int | None,
        ended: Callable[[], None],
        stamped: bool = False,
    ) -> None:
        """`seconds` from one token to the next; `ended` is called when all is said. The `…_after`
        say after how many tokens it stalls, breaks off, or goes on with nonsense; None for never.
        """
        self._writer = writer
        self._responses = responses
        self._tokens = tokens
        self._seconds = seconds
        self._stall_after = stall_after
        self._cut_after = cut_after
        self._garbage_after = garbage_after
        self._ended = ended
        self._stamped = stamped
        self._said = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Send the head and the first token."""
        self._writer.write(HEAD)
        self._next()

    def cancel(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        said = self._said
        if said == self._stall_after:
            return
        if said == self._cut_after:
            self._writer.close()
            return
        if said == self._garbage_after:
            self._writer.write(_chunk(b"data: <html>no json</html>\n\n"))
        if said >= self._tokens:
            self._writer.write(_chunk(self._last()) + END)
            self._ended()
            return
        text = token(said)
        if self._stamped and not said:
            text = f"{time.time():.4f}|{text}"
        self._writer.write(_chunk(self._event(text)))
        self._said = said + 1
        self._timer = asyncio.get_running_loop().call_later(self._seconds(), self._next)

    def _event(self, text: str) -> bytes:
        if self._responses:
            event: object = {
                "type": "response.output_text.delta",
                "item_id": "msg_simulated",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
            }
        else:
            event = {
                "id": "chatcmpl-simulated",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "simulated",
                "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
                "usage": None,
            }
        return _data(event)

    def _last(self) -> bytes:
        if self._responses:
            usage = {"input_tokens": 900, "output_tokens": self._tokens}
            answer = {"model": "simulated", "status": "completed", "usage": usage}
            return _data({"type": "response.completed", "response": answer})
        stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
        used = {"prompt_tokens": 900, "completion_tokens": self._tokens}
        return (
            _data({"model": "simulated", "choices": [stop]})
            + _data({"model": "simulated", "choices": [], "usage": used})
            + b"data: [DONE]\n\n"
        )


def _data(event: object) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)

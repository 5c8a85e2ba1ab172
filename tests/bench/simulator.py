"""A model that takes its time: OpenAI's interface over HTTP with set latencies and set failures.

It answers ``/v1/responses`` (searches of the web too), ``/v1/chat/completions`` and
``/v1/images/generations`` the way the provider calls them, from a plain asyncio protocol, so that
hundreds of calls a second cost it little CPU. Latencies are log-normal around the means of the
app's first backend (measured there: vision 4.5 s, answer 6.7 s).

``POST /control`` with a JSON object of :class:`Behaviour` fields changes what it does, ``GET
/stats`` tells what it did. ``python -m tests.bench.simulator --port N`` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, cast

from services.runtime.ports import HOST
from tests.bench import simulated_chat, simulated_tools

SIGMA: Final = 0.2
"""Spread of the latencies: the 99.5th percentile lies at 1.65 times the mean, as that
backend's slowest vision call (6.2 s) did at 1.4 times."""

NONSENSE: Final = (
    "sorry, I only speak prose",
    '{"classification": 7}',
    '{"classification":{"major_category":"","middle_category":null,"minor_category":[]},'
    '"situation_tags":"none","confidence":"high"}',
    '{"disposal_steps":[[]],"insufficiencies":{},"user_answer":42}',
    '{"disposal_steps":' + '["' * 200,
)

_NAME: Final = re.compile(rb'"name":"(vision|answer|intent|summary|grade)"')
_MODEL: Final = re.compile(rb'"model":"([^"]{1,100})"')
_STREAM: Final = b'"stream":true'
_IMAGE: Final = re.compile(rb'"(?:image_url|url)":"([^"]{1,300})')


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the simulator does with a call."""

    scale: float = 1.0
    """Factor on the latencies."""
    vision_seconds: float = 4.5
    answer_seconds: float = 6.7
    rate_limited: float = 0.0
    """Share of calls answered with 429, at once."""
    retry_after: float = 1.0
    """Seconds the 429 asks to wait."""
    errors: float = 0.0
    """Share of calls answered with 500, after the latency."""
    nonsense: float = 0.0
    """Share of calls answered with something else than the schema asks for."""
    refused: float = 0.0
    """Share of calls answered with a refusal."""
    rejects: str = ""
    """Kind of calls answered with 400: ``vision`` (no photo it can read), ``reply``…"""
    not_served: str = ""
    """Model names answered with 404, as those that were shut down are; a comma list."""
    hang: float = 0.0
    """Share of calls never answered."""
    down_seconds: float = 0.0
    """For how long from now every call is answered with 503."""
    not_ready: float = 0.0
    """Share of answers that find the item not ready to be thrown out (no reward then)."""
    middle: str = ""
    """Class every photo shows; empty: one of the twelve recyclables by chance."""
    intent: str = "waste"
    """What every message of a chat is about."""
    intent_confidence: float = 0.93
    intent_seconds: float = 0.6
    search_seconds: float = 4.0
    picture_seconds: float = 9.0
    first_token_seconds: float = 0.5
    reply_tokens: int = 60
    tokens_per_second: float = 30.0
    stall_after: int = -1
    """Tokens after which a reply falls silent; negative for never, as for the two below."""
    cut_after: int = -1
    garbage_after: int = -1
    broken_replies: int = -1
    """How many of the next replies these three hold for; negative for all."""
    stamped: int = 0
    """1: a reply begins with the Unix time at which it does, and a bar."""
    long_answer: int = 0
    """Characters the answer is padded to."""


CLASSES: Final = {
    "종이": "신문지",
    "종이팩": "우유팩",
    "무색페트병": "음료PET병",
    "플라스틱류": "PP용기",
    "비닐류": "필름류",
    "발포합성수지": "과일난좌",
    "유리병": "소주병",
    "금속류": "알루미늄캔",
    "의류및원단": "티셔츠",
    "전지": "망간전지",
    "조명제품": "LED전구형",
    "전기전자제품": "선풍기",
}


@dataclass(slots=True)
class Statistics:
    """What was asked and answered so far."""

    calls: Counter[str] = field(default_factory=Counter)
    """By kind (``vision``, ``answer``)."""
    models: Counter[str] = field(default_factory=Counter)
    """By the model name that is asked for."""
    outcomes: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    """Vision calls by the end of the image's URL."""
    in_flight: int = 0
    most_in_flight: int = 0
    bytes_in: int = 0

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "calls": dict(self.calls),
            "models": dict(self.models),
            "outcomes": dict(self.outcomes),
            "images": len(self.images),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "bytes_in": self.bytes_in,
        }


class Simulator:
    """The model's state, shared by all connections."""

    def __init__(self, behaviour: Behaviour | None = None, seed: int | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.statistics = Statistics()
        self.last_body = b""
        self.last_bodies: dict[str, bytes] = {}
        """By kind of call."""
        self._random = random.Random(seed)
        self._down_until = 0.0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen on a port of the loopback; 0 for a free one, found in :attr:`port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), HOST, port, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        """What ``OPENAI_BASE_URL`` has to be."""
        return f"http://{HOST}:{self.port}/v1"

    def set(self, **changes: Any) -> Behaviour:
        """Change the behaviour from the next call on; TypeError for an unknown name."""
        self.behaviour = replace(self.behaviour, **changes)
        if "down_seconds" in changes:
            self._down_until = time.monotonic() + self.behaviour.down_seconds
        return self.behaviour

    def behaviour_for(self, body: bytes) -> Behaviour:
        """What is done with the call that has this body."""
        return self.behaviour

    def behave(self, body: bytes, behaviour: Behaviour) -> None:
        """Change what is done with further calls like the one that has this body."""
        self.behaviour = behaviour

    def respond(self, path: str, body: bytes) -> tuple[float | None, int, bytes, str]:
        """Delay in seconds (None: never), status, body and further headers of a call."""
        now, chance = self.behaviour_for(body), self._random.random
        found = _NAME.search(body)
        tool = simulated_tools.kind_of(path, body)
        kind = tool or (found[1].decode() if found else "reply" if _STREAM in body else "other")
        seen = self.statistics
        seen.calls[kind] += 1
        model = named[1].decode("utf-8", "replace") if (named := _MODEL.search(body)) else ""
        seen.models[model] += 1
        seen.bytes_in += len(body)
        self.last_body = self.last_bodies[kind] = body
        if kind == "vision" and (image := _IMAGE.search(body)):
            seen.images[image[1].decode("ascii", "replace")[-60:]] += 1
        if time.monotonic() < self._down_until:
            seen.outcomes["down"] += 1
            return 0.0, 503, _error("server_error", "down"), ""
        if now.rate_limited and chance() < now.rate_limited:
            seen.outcomes["rate_limited"] += 1
            header = f"Retry-After: {now.retry_after:g}\r\n"
            return 0.0, 429, _error("rate_limit_exceeded", "slow down"), header
        if now.hang and chance() < now.hang:
            seen.outcomes["hang"] += 1
            return None, 200, b"", ""
        if model and model in now.not_served.split(","):
            seen.outcomes["not_served"] += 1
            return 0.0, 404, _error("model_not_found", f"no model {model}"), ""
        mean = _mean(kind, now) * now.scale
        delay = self._random.lognormvariate(0, SIGMA) * mean * 0.98 if mean > 0 else 0.0
        if now.errors and chance() < now.errors:
            seen.outcomes["error"] += 1
            return delay, 500, _error("server_error", "failed"), ""
        if kind == now.rejects:
            seen.outcomes["rejected"] += 1
            return delay, 400, _error("invalid_request", "not this"), ""
        if now.refused and chance() < now.refused:
            seen.outcomes["refused"] += 1
            if tool is not None:
                return delay, *simulated_tools.refusal(tool), ""
            return delay, 200, _reply(path, None, "거절"), ""
        if now.nonsense and chance() < now.nonsense:
            seen.outcomes["nonsense"] += 1
            if tool is not None:
                return delay, 200, simulated_tools.nonsense(tool), ""
            return delay, 200, _reply(path, self._random.choice(NONSENSE), None), ""
        seen.outcomes["ok"] += 1
        if tool is not None:
            return delay, 200, simulated_tools.answer(tool, seen.calls[tool]), ""
        if kind in ("intent", "summary", "grade"):
            text = simulated_chat.structured(kind, now.intent, now.intent_confidence)
        else:
            text = self._classification(now) if kind == "vision" else self._wording(now)
        return delay, 200, _reply(path, text, None), ""

    def reply(
        self, path: str, body: bytes, writer: simulated_chat.Writer, ended: Callable[[], None]
    ) -> simulated_chat.Reply:
        """A reply that is about to begin."""
        now = self.behaviour_for(body)
        left = now.broken_replies
        broken = left != 0
        if left > 0 and max(now.stall_after, now.cut_after, now.garbage_after) >= 0:
            self.behave(body, replace(now, broken_replies=left - 1))

        def after(number: int) -> int | None:
            return number if broken and number >= 0 else None

        return simulated_chat.Reply(
            writer,
            responses=path.endswith("/responses"),
            tokens=now.reply_tokens,
            seconds=lambda: 1 / self.behaviour_for(body).tokens_per_second,
            stall_after=after(now.stall_after),
            cut_after=after(now.cut_after),
            garbage_after=after(now.garbage_after),
            ended=ended,
            stamped=bool(now.stamped),
        )

    def _classification(self, now: Behaviour) -> str:
        middle = now.middle or self._random.choice(tuple(CLASSES))
        return json.dumps(
            {
                "classification": {
                    "major_category": "재활용폐기물",
                    "middle_category": middle,
                    "minor_category": CLASSES.get(middle),
                },
                "situation_tags": ["내용물_없음"],
                "confidence": 0.93,
            },
            ensure_ascii=False,
        )

    def _wording(self, now: Behaviour) -> str:
        lacking = self._random.random() < now.not_ready
        answer = "내용물을 비우고 깨끗이 헹군 뒤 품목에 맞는 수거함에 넣어 주세요."
        return json.dumps(
            {
                "disposal_steps": [
                    "내용물을 비우고 물로 헹군다.",
                    "라벨과 다른 재질을 떼어 낸다.",
                    "압착한 뒤 수거함에 넣는다.",
                ],
                "insufficiencies": ["라벨이 아직 붙어 있어요."] if lacking else [],
                "user_answer": answer.ljust(now.long_answer, "네"),
            },
            ensure_ascii=False,
        )


def _mean(kind: str, now: Behaviour) -> float:
    """Mean latency of a kind of call in seconds, before it is scaled."""
    if kind == simulated_tools.SEARCH:
        return now.search_seconds
    if kind == simulated_tools.DRAW:
        return now.picture_seconds
    if kind == "reply":
        return now.first_token_seconds
    if kind in ("intent", "summary", "grade"):
        return now.intent_seconds
    return now.vision_seconds if kind == "vision" else now.answer_seconds


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "type": code}}).encode()


def _reply(path: str, text: str | None, refusal: str | None) -> bytes:
    if path.endswith("/responses"):
        part: dict[str, Any] = (
            {"type": "output_text", "text": text, "annotations": []}
            if refusal is None
            else {"type": "refusal", "refusal": refusal}
        )
        usage = {
            "input_tokens": 2400,
            "input_tokens_details": {"cached_tokens": 1920},
            "output_tokens": 120,
            "total_tokens": 2520,
        }
        body: dict[str, Any] = {
            "id": "resp_simulated",
            "object": "response",
            "status": "completed",
            "model": "simulated",
            "output": [
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [part]},
            ],
            "usage": usage,
        }
    else:
        body = {
            "id": "chatcmpl-simulated",
            "object": "chat.completion",
            "model": "simulated",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text, "refusal": refusal},
                }
            ],
            "usage": {
                "prompt_tokens": 2400,
                "completion_tokens": 120,
                "total_tokens": 2520,
                "prompt_tokens_details": {"cached_tokens": 1920},
            },
        }
    return json.dumps(body, ensure_ascii=False).encode()


class _Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection; requests have a Content-Length or no body."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._reply: simulated_chat.Reply | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if self._reply is not None:
            self._reply.cancel()
        if self._busy:
            self._busy = False
            self._simulator.statistics.in_flight -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        if self._busy:
            return
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end]).decode("latin-1")
        found = re.search(r"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        length = int(found[1]) if found else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        body = bytes(self._buffer[head_end + 4 : head_end + 4 + length])
        del self._buffer[: head_end + 4 + length]
        method, path, _ = head.split(" ", 2)
        if path in ("/control", "/stats"):
            self._answer(*self._manage(method, path, body))
            return
        delay, status, answer, headers = self._simulator.respond(path, body)
        seen = self._simulator.statistics
        self._busy = True
        seen.in_flight += 1
        seen.most_in_flight = max(seen.most_in_flight, seen.in_flight)
        if delay is not None:
            loop = asyncio.get_running_loop()
            if status == 200 and _STREAM in body:
                self._timer = loop.call_later(delay, self._speak, path, body)
            else:
                self._timer = loop.call_later(delay, self._finish, status, answer, headers)

    def _manage(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        simulator = self._simulator
        if path == "/stats":
            return 200, json.dumps(simulator.statistics.as_dict()).encode()
        try:
            return 200, json.dumps(asdict(simulator.set(**json.loads(body)))).encode()
        except (TypeError, ValueError) as error:
            return 400, _error("bad_request", str(error))

    def _speak(self, path: str, body: bytes) -> None:
        """Stream a reply."""
        transport = self._transport
        if transport is not None:
            self._reply = self._simulator.reply(path, body, transport, self._spoken)
            self._reply.begin()

    def _spoken(self) -> None:
        self._busy, self._timer, self._reply = False, None, None
        self._simulator.statistics.in_flight -= 1
        self._next()

    def _finish(self, status: int, answer: bytes, headers: str) -> None:
        self._busy = False
        self._timer = None
        self._simulator.statistics.in_flight -= 1
        self._answer(status, answer, headers)

    def _answer(self, status: int, answer: bytes, headers: str = "") -> None:
        if self._transport is None:
            return
        head = (
            f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(answer)}\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1") + answer)
        self._next()


async def _serve(port: int, behaviour: Behaviour, seed: int | None) -> None:
    simulator = Simulator(behaviour, seed)
    await simulator.start(port)
    print(f"model simulator at {simulator.url}", flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await simulator.stop()


def main() -> None:
    """Run the simulator until SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int)
    for option in fields(Behaviour):
        kind = type(option.default)
        name = "--" + option.name.replace("_", "-")
        parser.add_argument(name, type=kind, default=option.default)
    chosen = vars(parser.parse_args())
    port, seed = chosen.pop("port"), chosen.pop("seed")
    import uvloop

    uvloop.run(_serve(port, Behaviour(**chosen), seed))


if __name__ == "__main__":
    main()

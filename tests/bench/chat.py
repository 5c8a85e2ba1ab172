"""``make bench-chat``: many chats that stream at once, through the real edge, the model simulated.

Every chat sends a message, watches its turn to `done`, and sends the next. The model begins to talk
after half a second and says 30 tokens a second, each numbered, so that a lost or doubled one shows.
CPU is counted per chat-second: one chat that streams for one second. Clients, model, brokers and
databases share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mesh.local.ephemeral_stack import EphemeralStack
from tests.bench.scan import tokens
from tests.bench.scan_client import ConnectionLostError, Phone
from tests.bench.scan_usage import OURS, Meter
from tests.bench.simulated_chat import whole

WARM_UP_SECONDS: Final = 8.0


@dataclass(slots=True)
class Turn:
    """One turn as its user saw it; times are Unix seconds."""

    sent_at: float
    first_event_at: float = 0.0
    model_spoke_at: float = 0.0
    first_token_at: float = 0.0
    ended_at: float = 0.0
    text: str = ""
    answer: str = ""
    outcome: str = ""
    """``done``, ``error``, ``refused`` or ``cut_off``."""


@dataclass(slots=True)
class Load:
    """All chats."""

    port: int
    stop_at: float
    turns: list[Turn] = field(default_factory=list)
    speaking: int = 0
    """Chats whose text is coming now."""

    async def chat(self, token: str, delay_seconds: float) -> None:
        """One chat, until the load stops; its last turn is seen through."""
        await asyncio.sleep(delay_seconds)
        phone = Phone(self.port, token)
        _, made = await phone.post("/api/v1/chat", {})
        while time.time() < self.stop_at:
            turn = Turn(time.time())
            self.turns.append(turn)
            try:
                await self._turn(phone, turn, made["id"])
            except (ConnectionLostError, TimeoutError) as error:
                turn.outcome = turn.outcome or f"cut_off: {error}"
                await phone.close()
        await phone.close()

    async def _turn(self, phone: Phone, turn: Turn, chat_id: str) -> None:
        status, answer = await phone.post(
            f"/api/v1/chat/{chat_id}/messages", {"message": "이야기를 해 줘"}
        )
        if status != 200:
            turn.outcome = f"refused: {status} {answer}"[:120]
            await asyncio.sleep(0.5)
            return
        speaking = False
        try:
            async for name, data in phone.frames(answer["stream_url"]):
                now = time.time()
                turn.first_event_at = turn.first_event_at or now
                if name in ("token", "token_recovery"):
                    if not speaking:
                        speaking = True
                        self.speaking += 1
                    text = data.get("content", data.get("accumulated", ""))
                    if not turn.first_token_at:
                        turn.first_token_at = now
                        stamp, _, text = text.partition("|")
                        turn.model_spoke_at = float(stamp)
                    turn.text = turn.text + text if name == "token" else text
                elif name in ("done", "error"):
                    turn.outcome, turn.ended_at = name, now
                    if name == "done":
                        turn.answer = data["result"]["answer"].partition("|")[2]
                    return
        finally:
            self.speaking -= speaking


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when no token was lost or doubled and every turn was answered."""
    parser = argparse.ArgumentParser(prog="tests.bench.chat", description=__doc__)
    parser.add_argument("--chats", type=int, default=120, help="chats at once (120)")
    parser.add_argument("--seconds", type=float, default=30.0, help="measured time (30)")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of an answer (300)")
    parser.add_argument("--rate", type=float, default=30.0, help="tokens a second (30)")
    options = parser.parse_args(arguments)
    with _simulator(options.tokens, options.rate) as (process, url):
        environ = {
            "OPENAI_API_KEY": "simulated",
            "OPENAI_BASE_URL": url,
            "ECO2_LOG_LEVEL": "WARNING",
            "ECO2_CHAT_MESSAGES_PER_MINUTE": "0",
            "ECO2_CHAT_CREATES_PER_MINUTE": "0",
            "ECO2_PROGRESS_STREAMS_PER_USER": "1000",
        }
        with EphemeralStack(environ) as stack:
            sessions = tokens(stack, options.chats)
            report = asyncio.run(_measure(stack, options, sessions, process.pid))
    print(json.dumps(report, ensure_ascii=False, indent=2))
    return 0 if report["lost_or_doubled"] == 0 and report["turns"] == report["answered"] else 1


async def _measure(
    stack: EphemeralStack, options: argparse.Namespace, sessions: list[str], model_pid: int
) -> dict[str, Any]:
    began = time.time()
    load = Load(stack.port("edge_http"), began + WARM_UP_SECONDS + options.seconds)
    spread = options.tokens / options.rate
    chats = [
        asyncio.create_task(load.chat(token, spread * index / len(sessions)))
        for index, token in enumerate(sessions)
    ]
    meter = Meter(stack, {"model": model_pid, "load": os.getpid()})
    await asyncio.sleep(max(WARM_UP_SECONDS, spread))
    first, start = meter.read(), time.time()
    chat_seconds, last_look = 0.0, start
    while time.time() < start + options.seconds:
        await asyncio.sleep(0.2)
        now = time.time()
        chat_seconds += load.speaking * (now - last_look)
        last_look = now
    last = meter.read()
    await asyncio.gather(*chats)
    cost = {
        group: round((last[group].cpu_seconds - first[group].cpu_seconds) * 1000 / chat_seconds, 2)
        for group in last
    }
    expected = whole(options.tokens)
    whole_ones = [turn for turn in load.turns if turn.outcome == "done"]
    inside = [turn for turn in whole_ones if turn.sent_at >= start]
    return {
        "chats": options.chats,
        "tokens_per_second": options.rate,
        "turns": len(load.turns),
        "answered": len(whole_ones),
        "problems": sorted({t.outcome for t in load.turns if t.outcome != "done"})[:5],
        "lost_or_doubled": sum(
            not (turn.text.strip() == turn.answer == expected) for turn in whole_ones
        ),
        "mean_speaking": round(chat_seconds / (last_look - start), 1),
        "cpu_ms_per_chat_second": {
            "python": round(sum(cost[group] for group in OURS), 2),
            **cost,
        },
        "first_event_ms": _quantiles([t.first_event_at - t.sent_at for t in inside]),
        "model_to_first_token_ms": _quantiles(
            [t.first_token_at - t.model_spoke_at for t in inside]
        ),
        "load_average": os.getloadavg()[0],
    }


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    found = np.quantile(np.array(seconds) * 1000, (0.5, 0.95, 0.99))
    return dict(zip(("p50", "p95", "p99"), (round(float(x), 1) for x in found), strict=True))


@contextmanager
def _simulator(count: int, rate: float) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.bench.simulator", "--intent", "general"),
            *("--reply-tokens", str(count), "--tokens-per-second", str(rate), "--stamped", "1"),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    sys.exit(main())

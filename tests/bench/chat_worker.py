"""The chat worker alone: what a second of a streamed answer costs it, without the stack around it.

    python -m tests.bench.chat_worker --chats 60 --seconds 20

One process answers turns as the worker does: real Redis, a simulated model and a chat service of
the test in processes of their own. CPU is this process's, per chat-second (one answer that streams
for one second), with what a turn costs beside its text. Two versions compare best when both run at
the same time, each in a checkout of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import grpc.aio
import uvloop
from eco2.chat.v1 import chat_pb2, chat_service_pb2, chat_service_pb2_grpc
from eco2.pipeline.v1 import chat_turn_pb2

from mesh.local.ephemeral import EphemeralParts
from services.runtime import logs
from services.runtime.context import ProcessContext
from services.runtime.objectstore import ObjectStore, ObjectStoreSettings
from services.runtime.ports import HOST
from services.runtime.process import COLLECTOR_THRESHOLDS
from services.runtime.settings import RuntimeSettings
from streaming import knowledge
from streaming.chat.branches.registry import build_branches
from streaming.chat.service import TurnService
from streaming.chat.settings import ChatWorkerSettings
from streaming.chat.tools import Tools
from streaming.chat.work import Means
from streaming.chat.worker import ChatWorker
from streaming.kafka.record import Record
from streaming.kafka.topics import CHAT_TURNS
from streaming.model.factory import build_models
from streaming.model.settings import ModelSettings
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.turn import Turns

WARM_UP_SECONDS: Final = 3.0


class ChatDouble(chat_service_pb2_grpc.ChatServiceServicer):
    """Knows every turn and takes every answer."""

    async def BeginTurn(self, request: Any, context: Any) -> Any:
        """A turn without a past."""
        turn = chat_pb2.Turn(job_id=request.job_id, chat_id=request.job_id, status="accepted")
        return chat_service_pb2.BeginTurnResponse(turn=turn)

    async def AppendTurn(self, request: Any, context: Any) -> Any:
        """The turn, answered."""
        result = json.dumps({"answer": request.answer.content}, ensure_ascii=False)
        turn = chat_pb2.Turn(job_id=request.job_id, status="completed", result_json=result)
        return chat_service_pb2.AppendTurnResponse(turn=turn)


async def serve_double() -> None:
    """Be the chat service, and say on which port."""
    server = grpc.aio.server()
    chat_service_pb2_grpc.add_ChatServiceServicer_to_server(ChatDouble(), server)  # type: ignore[abstract]
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


@asynccontextmanager
async def beside(module: str, *words: str) -> AsyncIterator[str]:
    """A process of ours; the last word of its first line."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *words), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        yield (await child.stdout.readline()).split()[-1].decode()
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def measure(chats: int, seconds: float, tokens: int, rate: float) -> dict[str, float]:
    """Answer turns for a while; the figures."""
    context = ProcessContext(RuntimeSettings())
    settings = context.settings(ChatWorkerSettings)
    known = knowledge.load()
    models = build_models(context.settings(ModelSettings), known)
    redis = context.redis("command")
    publisher = ProgressPublisher(redis)
    turns = Turns(redis, publisher, owner="bench", ttl_seconds=settings.chat_lease_seconds)
    means = Means(
        service=TurnService(
            chat_service_pb2_grpc.ChatServiceStub(context.channel("chat")),
            publisher,
            patience_seconds=settings.chat_service_patience_seconds,
        ),
        models=models,
        tools=Tools(await build_branches(context, known, models)),
        photos=ObjectStore(context.settings(ObjectStoreSettings)),
        settings=settings,
    )
    worker, answered = ChatWorker(means, turns), 0

    async def chat(number: int) -> None:
        nonlocal answered
        await asyncio.sleep(tokens / rate * number / chats)
        while True:
            job_id, now = str(uuid.uuid4()), time.time()
            task = chat_turn_pb2.ChatTurn(
                job_id=job_id,
                chat_id=job_id,
                user_id=job_id,
                message="이야기를 해 줘",
                submitted_at_ms=int(now * 1000),
                deadline_ms=int((now + 300) * 1000),
            )
            source = CHAT_TURNS.name
            await worker.handle(Record(CHAT_TURNS, job_id, task, 1, None, "", 0, 0, source, {}))
            answered += 1

    gc.collect()
    gc.freeze()
    running = [asyncio.create_task(chat(number)) for number in range(chats)]
    running.append(asyncio.create_task(turns.keep()))
    await asyncio.sleep(max(WARM_UP_SECONDS, tokens / rate))
    began, cpu, before = time.monotonic(), time.process_time(), answered
    await asyncio.sleep(seconds)
    cpu, took = time.process_time() - cpu, time.monotonic() - began
    done = answered - before
    for task in running:
        task.cancel()
    ended = await asyncio.gather(*running, return_exceptions=True)
    await models.close()
    await context.close()
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            raise AssertionError("a turn was not answered") from error
    return {
        "turns": done,
        "cpu_ms_per_turn": round(cpu * 1000 / max(1, done), 2),
        "cpu_ms_per_chat_second": round(cpu * 1000 / max(1.0, done * tokens / rate), 2),
        "cpu_share": round(cpu / took, 3),
        "load_average": os.getloadavg()[0],
    }


async def run(options: argparse.Namespace) -> dict[str, float]:
    """Start what is around the worker, and measure."""
    parts = await asyncio.to_thread(EphemeralParts)
    model = ("--reply-tokens", str(options.tokens), "--tokens-per-second", str(options.rate))
    try:
        redis_url = await asyncio.to_thread(lambda: parts.redis_url)
        async with (
            beside("tests.bench.simulator", "--intent", "general", *model) as url,
            beside("tests.bench.chat_worker", "--double") as port,
        ):
            os.environ.update(
                parts.environ
                | {
                    "ECO2_REDIS_URL": redis_url,
                    "ECO2_GRPC_CHAT": f"{HOST}:{port}",
                    "OPENAI_API_KEY": "simulated",
                    "OPENAI_BASE_URL": url,
                }
            )
            return await measure(options.chats, options.seconds, options.tokens, options.rate)
    finally:
        await asyncio.to_thread(parts.close)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="tests.bench.chat_worker", description=__doc__)
    parser.add_argument("--chats", type=int, default=60, help="chats at once (60)")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time (20)")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of an answer (300)")
    parser.add_argument("--rate", type=float, default=30.0, help="tokens a second (30)")
    parser.add_argument("--double", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.double:
        asyncio.run(serve_double())
        return 0
    logs.configure("bench", "test", "WARNING")
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    print(json.dumps(uvloop.run(run(options)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

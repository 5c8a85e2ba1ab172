"""The chat service over real parts, and a stand-in for its worker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc.aio
import httpx
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from eco2.chat.v1 import chat_pb2
from eco2.chat.v1 import chat_service_pb2 as pb
from eco2.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from eco2.images.v1 import images_service_pb2
from eco2.images.v1.images_service_pb2_grpc import ImagesServiceStub
from eco2.pipeline.v1 import chat_turn_pb2
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.chat.app import build as build_chat
from services.images.app import build as build_images
from services.runtime.context import ProcessContext
from streaming.kafka.admin import ensure_topics
from streaming.kafka.topics import CHAT_TURNS
from streaming.progress.event import START, StoredEvent
from streaming.progress.history import Histories
from tests.integration.backend import JPEG
from tests.serving import migrated, serving
from tests.wait import until

Metadata = tuple[tuple[str, str], ...]


def new_user() -> str:
    """A user nobody else has."""
    return str(uuid.uuid4())


def as_user(user_id: str, **headers: str) -> Metadata:
    """Metadata of a call that the edge has let through for this user."""
    extra = ((name.replace("_", "-"), value) for name, value in headers.items())
    return (("x-user-id", user_id), ("x-eco2-edge", "1"), *extra)


class Records:
    """Reads the topic of the turns from now on, as the worker would."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        self.all: list[chat_turn_pb2.ChatTurn] = []
        self.headers: dict[str, dict[str, bytes]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._consumer.start()
        partitions = [TopicPartition(CHAT_TURNS.name, n) for n in range(CHAT_TURNS.partitions)]
        self._consumer.assign(partitions)
        await self._consumer.seek_to_end(*partitions)
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for record in self._consumer:
            turn = chat_turn_pb2.ChatTurn.FromString(record.value)
            assert record.key == turn.chat_id.encode()
            self.headers[turn.job_id] = dict(record.headers)
            self.all.append(turn)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._consumer.stop()

    def of(self, job_id: str) -> list[chat_turn_pb2.ChatTurn]:
        return [turn for turn in self.all if turn.job_id == job_id]

    def of_chat(self, chat_id: str) -> list[chat_turn_pb2.ChatTurn]:
        return [turn for turn in self.all if turn.chat_id == chat_id]

    async def next(self, job_id: str, number: int = 1) -> chat_turn_pb2.ChatTurn:
        """The `number`-th record of a turn, once it is there."""
        found = await until(
            lambda: self.of(job_id)[number - 1 : number], what=f"record {number} of the turn"
        )
        return found[0]


@dataclass
class World:
    """The chat service as its callers reach it."""

    context: ProcessContext
    chat: Any
    images: Any
    pool: asyncpg.Pool
    redis: Redis
    http: httpx.AsyncClient
    records: Records

    async def new_chat(self, user: str, title: str = "") -> str:
        answer = await self.chat.CreateChat(
            pb.CreateChatRequest(title=title or None), metadata=as_user(user)
        )
        return str(answer.id)

    async def send(self, user: str, chat_id: str, message: str = "페트병", **fields: Any) -> str:
        """Send a message; the id of its turn. `headers` go into the metadata."""
        headers: Mapping[str, str] = fields.pop("headers", {})
        answer = await self.chat.SendMessage(
            pb.SendMessageRequest(chat_id=chat_id, message=message, **fields),
            metadata=as_user(user, **headers),
        )
        assert answer.stream_url == f"/api/v1/chat/{answer.job_id}/events"
        assert answer.status == "submitted"
        return str(answer.job_id)

    async def append(self, job_id: str, content: str = "헹궈서 배출해요.", **fields: Any) -> Any:
        answer = chat_pb2.AssistantAnswer(content=content, **{"intent": "waste", **fields})
        response = await self.chat.AppendTurn(pb.AppendTurnRequest(job_id=job_id, answer=answer))
        return response.turn

    async def park(self, job_id: str, round_: int = 1, **fields: Any) -> Any:
        response = await self.chat.ParkTurn(
            pb.ParkTurnRequest(
                job_id=job_id,
                round=round_,
                **{"input_type": "location", "wait_seconds": 60, "state": b"so far", **fields},
            )
        )
        return response.turn

    async def fail(self, job_id: str, reason: str = "MODEL_UNAVAILABLE", text: str = "") -> Any:
        response = await self.chat.FailTurn(
            pb.FailTurnRequest(job_id=job_id, error_reason=reason, error_message=text)
        )
        return response.turn

    async def turn(self, job_id: str) -> Any:
        return (await self.chat.GetTurn(pb.GetTurnRequest(job_id=job_id))).turn

    async def begin(self, job_id: str, most: int = 10) -> Any:
        return await self.chat.BeginTurn(pb.BeginTurnRequest(job_id=job_id, max_messages=most))

    async def read(self, user: str, chat_id: str, **fields: Any) -> Any:
        return await self.chat.GetChat(
            pb.GetChatRequest(chat_id=chat_id, **fields), metadata=as_user(user)
        )

    async def chats(self, user: str, **fields: Any) -> Any:
        return await self.chat.ListChats(pb.ListChatsRequest(**fields), metadata=as_user(user))

    async def delete(self, user: str, chat_id: str) -> str:
        call = self.chat.DeleteChat(pb.DeleteChatRequest(chat_id=chat_id), metadata=as_user(user))
        await call
        return str(dict(await call.initial_metadata())["x-http-status"])

    async def input(self, user: str, job_id: str, kind: str, **data: Any) -> Any:
        request = pb.SubmitInputRequest(job_id=job_id, type=kind)
        request.data.update(data)
        return await self.chat.SubmitInput(request, metadata=as_user(user))

    async def events(self, job_id: str) -> list[StoredEvent]:
        return (await Histories(self.redis).read(job_id, START)).events

    async def upload(self, user: str, data: bytes = JPEG) -> str:
        """A picture in the bucket; its public URL."""
        created = await self.images.CreateUpload(
            images_service_pb2.CreateUploadRequest(
                channel="chat", filename="photo.jpg", content_type="image/jpeg"
            ),
            metadata=as_user(user),
        )
        put = await self.http.put(
            created.upload_url, content=data, headers={"Content-Type": "image/jpeg"}
        )
        put.raise_for_status()
        return str(created.cdn_url)


@asynccontextmanager
async def chat_world(
    parts: EphemeralParts, changes: Mapping[str, str] | None = None, *, background: bool = True
) -> AsyncIterator[World]:
    """The chat and images services on a database of their own, over the session's parts.

    `changes` replaces environment variables, to point a part at nothing for example; what runs so
    shares no database with a service that lacks nothing, whose relay would help out.
    """
    url = parts.postgres_url("chat_crippled" if changes else "chat")
    ports = PortBlock()
    changes = changes or {}
    environ = {
        **parts.environ,
        **await migrated(url),
        **ports.table(("images", "chat", "scan")),
        "ECO2_REDIS_URL": parts.redis_url,
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "ECO2_S3_ENDPOINT": parts.s3_endpoint,
        "ECO2_CHAT_SWEEP_SECONDS": "0.1",
        **changes,
    }
    await ensure_topics(parts.kafka_bootstrap)
    records = None
    if "ECO2_KAFKA_BOOTSTRAP" not in changes:
        records = Records(parts.kafka_bootstrap)
        await records.start()
    try:
        async with (
            serving((build_images, build_chat), environ, background=background) as context,
            httpx.AsyncClient(timeout=20, trust_env=False) as http,
        ):
            yield World(
                context,
                ChatServiceStub(context.channel("chat")),
                ImagesServiceStub(context.channel("images")),
                await context.pool("chat"),
                Redis.from_url(parts.redis_url),
                http,
                records or Records(parts.kafka_bootstrap),
            )
    finally:
        if records is not None:
            await records.stop()
        ports.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def world(parts: EphemeralParts) -> AsyncIterator[World]:
    """Everything running, the relay and the sweeper included."""
    async with chat_world(parts) as running:
        yield running


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """The error of a call that must fail."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call was not refused")

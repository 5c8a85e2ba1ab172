"""Every domain that keeps something of a user, with their background work and the workers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest_asyncio
from eco2.auth.v1 import auth_service_pb2 as auth_pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.chat.v1 import chat_service_pb2 as chat_pb
from eco2.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from eco2.images.v1 import images_service_pb2 as images_pb
from eco2.images.v1.images_service_pb2_grpc import ImagesServiceStub
from eco2.scan.v1 import scan_service_pb2 as scan_pb
from eco2.scan.v1.scan_service_pb2_grpc import ScanServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.auth.app import build as build_auth
from services.character.app import build as build_character
from services.chat.app import build as build_chat
from services.images.app import build as build_images
from services.runtime.context import ProcessContext
from services.scan.app import build as build_scan
from services.users.app import build as build_users
from streaming.kafka.admin import ensure_topics
from streaming.workers.erasure import build as build_erasure
from streaming.workers.ownership import build as build_ownership
from streaming.workers.points import build as build_points
from tests.integration.backend import JPEG
from tests.serving import migrated, serving

Metadata = tuple[tuple[str, str], ...]

SERVED = ("auth", "users", "character", "images", "scan", "chat")


@dataclass
class Person:
    """Somebody who has signed in."""

    user_id: str
    provider_user_id: str
    email: str
    session_id: str

    @property
    def metadata(self) -> Metadata:
        """Metadata of a call that the edge has let through."""
        return (("x-user-id", self.user_id), ("x-auth-provider", "kakao"), ("x-eco2-edge", "1"))


@dataclass
class World:
    """The domains, as their callers reach them, and the database of all."""

    context: ProcessContext
    database: asyncpg.Connection
    http: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.auth: Any = AuthServiceStub(self.context.channel("auth"))
        self.users: Any = UsersServiceStub(self.context.channel("users"))
        self.images: Any = ImagesServiceStub(self.context.channel("images"))
        self.scan: Any = ScanServiceStub(self.context.channel("scan"))
        self.chat: Any = ChatServiceStub(self.context.channel("chat"))

    async def sign_in(self) -> Person:
        """Somebody new with a session."""
        name = uuid.uuid4().hex
        answer = await self.users.GetOrCreateFromOAuth(
            users_pb.GetOrCreateFromOAuthRequest(
                provider="kakao", provider_user_id=name, email=f"{name}@example.com"
            )
        )
        session = await self.auth.IssueSession(
            auth_pb.IssueSessionRequest(
                user_id=answer.user.user_id, provider="kakao", device_id=f"device-{name}"
            )
        )
        return Person(answer.user.user_id, name, answer.user.email, session.session_id)

    async def upload(self, person: Person) -> images_pb.CreateUploadResponse:
        """A photo in the bucket."""
        created: images_pb.CreateUploadResponse = await self.images.CreateUpload(
            images_pb.CreateUploadRequest(
                channel="scan", filename="photo.jpg", content_type="image/jpeg"
            ),
            metadata=person.metadata,
        )
        stored = await self.http.put(
            created.upload_url, content=JPEG, headers={"Content-Type": "image/jpeg"}
        )
        stored.raise_for_status()
        return created

    async def submit(self, person: Person, image_url: str, **fields: str) -> str:
        """A scan; its job id."""
        answer = await self.scan.SubmitScan(
            scan_pb.SubmitScanRequest(image_url=image_url, **fields),
            metadata=(*person.metadata, ("x-idempotency-key", uuid.uuid4().hex)),
        )
        return str(answer.job_id)

    async def talk(self, person: Person, chat_id: str, message: str, image_url: str = "") -> str:
        """A message in a chat; the id of its turn."""
        answer = await self.chat.SendMessage(
            chat_pb.SendMessageRequest(
                chat_id=chat_id, message=message, image_url=image_url or None
            ),
            metadata=(*person.metadata, ("x-idempotency-key", uuid.uuid4().hex)),
        )
        return str(answer.job_id)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def world(parts: EphemeralParts) -> AsyncIterator[World]:
    """Everything on a database of its own."""
    url = parts.postgres_url("erasure")
    ports = PortBlock()
    environ = parts.environ | await migrated(url) | ports.table(SERVED)
    environ |= {
        "ECO2_REDIS_URL": parts.redis_url,
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "ECO2_S3_ENDPOINT": parts.s3_endpoint,
        "ECO2_ERASURE_SETTLE_SECONDS": "0.1",
    }
    await ensure_topics(parts.kafka_bootstrap)
    builders = (
        build_auth, build_users, build_character, build_images, build_scan,
        build_chat,
        build_ownership, build_points, build_erasure,
    )  # fmt: skip
    database = await asyncpg.connect(url)
    async with (
        serving(builders, environ, background=True) as context,
        httpx.AsyncClient(timeout=20, trust_env=False) as http,
    ):
        yield World(context, database, http)
    await database.close()
    ports.close()

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest_asyncio
from eco2.users.v1 import users_service_pb2 as pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.character.app import build as build_character
from services.users.app import build as build_users
from streaming.kafka.admin import ensure_topics
from tests.serving import migrated, serving

Metadata = tuple[tuple[str, str], ...]


@dataclass
class Users:
    """The served domain, its database, and people who signed in."""

    stub: Any
    database: asyncpg.Pool

    async def sign_in(self, provider: str = "kakao", **fields: str) -> Metadata:
        """Sign somebody new in; the metadata of their calls."""
        answer = await self.stub.GetOrCreateFromOAuth(
            pb.GetOrCreateFromOAuthRequest(
                provider=provider, provider_user_id=uuid.uuid4().hex, **fields
            )
        )
        return as_user(answer.user.user_id, provider)


def as_user(user_id: str, provider: str = "kakao") -> Metadata:
    """Metadata of a call that the edge has let through."""
    return (("x-user-id", user_id), ("x-auth-provider", provider), ("x-eco2-edge", "1"))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def users(parts: EphemeralParts) -> AsyncIterator[Users]:
    """The users and character domains on a database of their own; the relay does not run."""
    environ = parts.environ | await migrated(parts.postgres_url("users"))
    environ["ECO2_KAFKA_BOOTSTRAP"] = parts.kafka_bootstrap
    await ensure_topics(parts.kafka_bootstrap)
    ports = PortBlock()
    environ |= ports.table(("users", "character"))
    async with serving((build_users, build_character), environ) as context:
        yield Users(UsersServiceStub(context.channel("users")), await context.pool("users"))
    ports.close()

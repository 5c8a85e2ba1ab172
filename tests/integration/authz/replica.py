"""Replicas of ext-authz on real sockets, and what they read."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unittest import mock

import httpx
from aiokafka import AIOKafkaProducer
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked

from edge.authz import app
from edge.authz.revocation_topic import RevocationTopic
from edge.authz.revocations import RevokedSessions
from edge.authz.settings import AuthzSettings
from mesh.local.free_ports import PortBlock
from services.runtime.component import Component
from services.runtime.context import ProcessContext
from services.runtime.ports import HOST, port
from services.runtime.settings import RuntimeSettings
from streaming.kafka.connection import Connection
from streaming.kafka.topics import AUTH_REVOCATIONS, Topic
from tests.signing import Signer

CHECK = "/check/api/v1/users/me"


@dataclass
class Replica:
    """One replica, asked over its HTTP wire."""

    client: httpx.AsyncClient
    sessions: RevokedSessions
    component: Component

    async def status(self, token: str) -> tuple[int, str]:
        """Status and reason of a check with a token."""
        answer = await self.client.get(CHECK, headers={"cookie": f"s_access={token}"})
        if answer.status_code == 200:
            return 200, ""
        return answer.status_code, str(answer.json()["details"][0]["reason"])

    async def ready(self) -> bool:
        """Whether every check passes."""
        try:
            for check in self.component.checks.values():
                await check()
        except ConnectionError:
            return False
        return True


@asynccontextmanager
async def replica(
    environ: Mapping[str, str], topic: Topic = AUTH_REVOCATIONS
) -> AsyncIterator[Replica]:
    """Start one that follows `topic`, ready or not, and stop it."""
    block = PortBlock()
    followed: list[RevokedSessions] = []

    def follow(sessions: RevokedSessions, settings: AuthzSettings) -> app.Work:
        followed.append(sessions)
        return RevocationTopic(sessions, Connection.from_settings(settings), topic).run

    number = str(block.take())
    with mock.patch.dict(os.environ, {**environ, "ECO2_PORT_AUTHZ_HTTP": number}):
        context = ProcessContext(RuntimeSettings())
        component = await app.build(context, follow)
        tasks = [asyncio.create_task(work.run()) for work in component.background]
        base_url = f"http://{HOST}:{port('authz_http')}"
    try:
        transport = httpx.AsyncHTTPTransport(retries=20)
        async with httpx.AsyncClient(base_url=base_url, transport=transport, timeout=5) as client:
            yield Replica(client, followed[0], component)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await context.close()
        block.close()


@dataclass
class Issuer:
    """Signs tokens and ends their sessions, as the auth domain does."""

    signer: Signer
    producer: AIOKafkaProducer

    def session(self) -> tuple[str, str]:
        """Id of a new session and its token."""
        session_id = str(uuid.uuid4())
        return session_id, self.signer.token(sid=session_id)

    async def end(
        self, session_id: str, topic: Topic = AUTH_REVOCATIONS, partition: int | None = None
    ) -> None:
        """Publish the end of a session; returns when the broker has it."""
        event = SessionRevoked(session_id=session_id, reason="logout")
        event.expires_at.seconds = int(time.time()) + 86_400
        await self.producer.send_and_wait(
            topic.name, event.SerializeToString(), session_id.encode(), partition
        )

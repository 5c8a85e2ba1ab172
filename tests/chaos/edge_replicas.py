"""A stack with two replicas of ext-authz, and people who sign in and out of it."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio
import httpx
from aiokafka import AIOKafkaProducer
from eco2.auth.v1 import auth_service_pb2
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.users.v1 import users_service_pb2
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from mesh.local.ephemeral_stack import EphemeralStack
from mesh.local.free_ports import PortBlock
from mesh.local.parts import python
from services.runtime.ports import HOST, port
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.wait import until

ME = "/api/v1/users/me"
REVOKED = (401, "TOKEN_REVOKED")
PASSES = (200, "")


@dataclass(frozen=True)
class Session:
    """What a browser holds."""

    access: str
    refresh: str

    @property
    def cookie(self) -> dict[str, str]:
        """The header it sends."""
        return {"cookie": f"s_access={self.access}; s_refresh={self.refresh}"}


class Replicas:
    """The edge with its replica, and a second one that is asked directly."""

    def __init__(
        self, stack: EphemeralStack, edge: httpx.AsyncClient, second: httpx.AsyncClient, user: str
    ) -> None:
        self.stack = stack
        self.edge = edge
        self.second = second
        self.user_id = user

    async def sign_in(self) -> Session:
        """A new session."""
        async with grpc.aio.insecure_channel(f"{HOST}:{self.stack.port('auth')}") as channel:
            made = await AuthServiceStub(channel).IssueSession(
                auth_service_pb2.IssueSessionRequest(user_id=self.user_id, provider="google")
            )
        return Session(made.access_token, made.refresh_token)

    async def sign_out(self, session: Session) -> float:
        """Log out through the edge; the monotonic time of the answer."""
        answer = await self.edge.post("/api/v1/auth/logout", headers=session.cookie)
        assert answer.status_code == 200, answer.text
        return time.monotonic()

    async def at_edge(self, session: Session) -> tuple[int, str]:
        """Status and reason of a request through the edge."""
        return _meaning(await self.edge.get(ME, headers=session.cookie))

    async def at_second(self, session: Session) -> tuple[int, str]:
        """Status and reason of a check by the second replica."""
        return _meaning(await self.second.get(f"/check{ME}", headers=session.cookie))

    async def refused_everywhere(self, session: Session, within_seconds: float = 10) -> float:
        """Wait until nobody lets the session pass; the monotonic time."""

        async def refused() -> bool:
            seen = await asyncio.gather(self.at_edge(session), self.at_second(session))
            return all(status == REVOKED for status in seen)

        await until(refused, within_seconds=within_seconds, every_seconds=0.005)
        return time.monotonic()

    async def revived(self, part: str, old: int) -> None:
        """Wait until a killed part is ready again."""

        def back() -> bool:
            status = self.stack.status(part)
            return status.state == "ready" and status.pid not in (None, old)

        await until(back, within_seconds=60, what=f"{part} after a kill")

    async def takes_revocations(self) -> None:
        """Wait until the broker takes records: it answers before it leads its partitions."""
        producer = AIOKafkaProducer(
            bootstrap_servers=f"{HOST}:{self.stack.port('kafka')}", retry_backoff_ms=20
        )
        await producer.start()
        try:
            for partition in range(AUTH_REVOCATIONS.partitions):  # tombstones end nothing
                await producer.send_and_wait(AUTH_REVOCATIONS.name, None, b"nobody", partition)
        finally:
            await producer.stop()


def _meaning(answer: httpx.Response) -> tuple[int, str]:
    if answer.status_code == 200:
        return PASSES
    try:
        return answer.status_code, str(answer.json()["details"][0]["reason"])
    except (ValueError, LookupError):
        return answer.status_code, answer.text


@asynccontextmanager
async def replicas(stack: EphemeralStack) -> AsyncIterator[Replicas]:
    """Start the second replica."""
    block = PortBlock()
    own = {
        f"ECO2_PORT_{name}": str(block.take())
        for name in ("AUTHZ_HTTP", "AUTHZ_GRPC", "METRICS_AUTHZ")
    }
    environ = {**stack.environ, **python.variables(stack.paths), **own}
    command = python.command(stack.paths, "serve", "authz", "--metrics-port-name", "metrics_authz")
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environ}, stderr=asyncio.subprocess.DEVNULL
    )
    async with (
        httpx.AsyncClient(base_url=stack.base_url, timeout=20) as edge,
        httpx.AsyncClient(
            base_url=f"http://{HOST}:{port('authz_http', environ)}", timeout=5
        ) as second,
        grpc.aio.insecure_channel(f"{HOST}:{stack.port('users')}") as users,
    ):
        try:
            account = await UsersServiceStub(users).GetOrCreateFromOAuth(
                users_service_pb2.GetOrCreateFromOAuthRequest(
                    provider="google", provider_user_id=uuid.uuid4().hex, name="이름"
                )
            )
            made = Replicas(stack, edge, second, account.user.user_id)
            session = await made.sign_in()

            async def ready() -> bool:
                try:
                    return await made.at_second(session) == PASSES
                except httpx.TransportError:
                    return False

            await until(ready, within_seconds=60, what="the second replica")
            yield made
        finally:
            process.terminate()
            await process.wait()
            block.close()

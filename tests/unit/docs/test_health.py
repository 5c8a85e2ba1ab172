"""A domain's health is asked for once, however many want to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edge.docs.health import SERVING, DomainHealth
from tests.wait import until

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass
class Domain(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # the stubs have no types
    """A domain of two services, slow when told to."""

    states: dict[str, health_pb2.HealthCheckResponse.ServingStatus]
    asked: list[str] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def Check(
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[object, object],
    ) -> health_pb2.HealthCheckResponse:
        """One answer."""
        self.asked.append(request.service)
        await self.answers.wait()
        return health_pb2.HealthCheckResponse(status=self.states[request.service])


@pytest.fixture
async def domain() -> Domain:
    made = Domain({"a.First": SERVING, "a.Second": SERVING})
    made.answers.set()
    return made


@pytest.fixture
async def channel(domain: Domain) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(domain, server)
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{number}") as opened:
        yield opened
    await server.stop(0)


def health(channel: grpc.aio.Channel, *, keep: float = 60, timeout: float = 5) -> DomainHealth:
    return DomainHealth(
        lambda _: channel,
        {"a": ("a.First", "a.Second")},
        keep_seconds=keep,
        timeout_seconds=timeout,
    )


async def test_every_service_has_to_serve(domain: Domain, channel: grpc.aio.Channel) -> None:
    asking = health(channel, keep=0)
    assert await asking.ready("a")
    domain.states["a.Second"] = NOT_SERVING
    assert not await asking.ready("a")
    domain.states["a.Second"] = SERVING
    assert await asking.ready("a")


async def test_many_who_ask_at_once_share_one_question(
    domain: Domain, channel: grpc.aio.Channel
) -> None:
    asking = health(channel)
    assert all(await asyncio.gather(*(asking.ready("a") for _ in range(50))))
    assert await asking.ready("a")
    assert sorted(domain.asked) == ["a.First", "a.Second"]


async def test_one_who_leaves_does_not_take_the_answer_from_others(
    domain: Domain, channel: grpc.aio.Channel
) -> None:
    domain.answers.clear()
    asking = health(channel)
    leaving, staying = (asyncio.create_task(asking.ready("a")) for _ in range(2))
    await until(lambda: domain.asked, what="the question")
    leaving.cancel()
    domain.answers.set()
    assert await staying


async def test_a_domain_that_hangs_or_is_away_is_not_ready(
    domain: Domain, channel: grpc.aio.Channel
) -> None:
    domain.answers.clear()
    assert not await health(channel, timeout=0.05).ready("a")
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nowhere:
        assert not await health(nowhere, timeout=0.2).ready("a")

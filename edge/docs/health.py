"""Whether a domain is ready, as its gRPC health says, for those who speak HTTP only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.routes import RouteTable

SERVING = health_pb2.HealthCheckResponse.SERVING


def services_of(table: RouteTable) -> Mapping[str, tuple[str, ...]]:
    """Full names of the services of each domain that is served at the edge."""
    found: dict[str, dict[str, None]] = {}
    for route in table.routes:
        if route.access != "internal":
            found.setdefault(route.domain, {})[route.service] = None
    return {domain: tuple(names) for domain, names in found.items()}


class DomainHealth:
    """Asks grpc.health.v1, at most once in so many seconds a domain, whoever wants to know."""

    def __init__(
        self,
        channel: Callable[[str], grpc.aio.Channel],
        services: Mapping[str, Iterable[str]],
        *,
        keep_seconds: float,
        timeout_seconds: float,
    ) -> None:
        self._channel = channel
        self._services = services
        self._keep = keep_seconds
        self._timeout = timeout_seconds
        self._known: dict[str, tuple[float, asyncio.Task[bool]]] = {}

    async def ready(self, domain: str) -> bool:
        """Whether every service of the domain is SERVING; KeyError for an unknown domain."""
        now = time.monotonic()
        asked_at, task = self._known.get(domain, (0.0, None))
        if task is None or (task.done() and now - asked_at >= self._keep):
            task = asyncio.create_task(self._ask(domain))
            self._known[domain] = (now, task)
        return await asyncio.shield(task)

    async def _ask(self, domain: str) -> bool:
        stub = health_pb2_grpc.HealthStub(self._channel(domain))
        try:
            answers = await asyncio.gather(
                *(
                    stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=self._timeout)
                    for name in self._services[domain]
                )
            )
        except grpc.aio.AioRpcError:
            return False
        return all(answer.status == SERVING for answer in answers)

"""What the components of one process share, made when first asked for and closed in reverse."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import grpc.aio

from services.runtime import logs, telemetry
from services.runtime.ports import HOST, port
from services.runtime.settings import RuntimeSettings

if TYPE_CHECKING:  # imported where they are used: a process without a database saves 11 MiB
    from redis.asyncio import Redis

    from services.runtime.pool import Pool

S = TypeVar("S", bound=RuntimeSettings)
T = TypeVar("T")

log = logs.get(__name__)

_SERVICE_CONFIG: Final = {
    "methodConfig": [
        # Internal RPCs are idempotent by contract, so an attempt that found no server may be
        # repeated; backoff as the gRPC retry design (gRFC A6) recommends.
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
        # Except this one: every attempt asks a new question, which is paid for, and the code says
        # as well that the model was asked and is away. What never left this process is still sent
        # again (a transparent retry needs no policy).
        {"name": [{"service": "eco2.chat.v1.ChatService", "method": "AskOnce"}]},
    ]
}

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 12 * 1024 * 1024),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
)


def target_of(domain: str, environ: Mapping[str, str] | None = None) -> str:
    """Address of a domain's gRPC server: ``ECO2_GRPC_<DOMAIN>`` or this machine's port for it."""
    given = os.environ if environ is None else environ
    return given.get(f"ECO2_GRPC_{domain.upper()}") or f"{HOST}:{port(domain, given)}"


class ProcessContext:
    """Hands out pools, clients and channels; everything it made is closed by :meth:`close`."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self.base = settings
        self._environ = dict(os.environ)  # addresses are read with the settings, and never later
        self._settings: dict[type[RuntimeSettings], RuntimeSettings] = {type(settings): settings}
        self._shared: dict[str, asyncio.Task[Any]] = {}
        self._redis: dict[str, Redis] = {}
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._closers: list[tuple[str, Callable[[], Awaitable[None]]]] = []

    def settings(self, model: type[S]) -> S:
        """The settings of a model, read once."""
        if model not in self._settings:
            self._settings[model] = model()
        return cast(S, self._settings[model])

    async def shared(
        self,
        key: str,
        make: Callable[[], Awaitable[T]],
        close: Callable[[T], Awaitable[None]] | None = None,
    ) -> T:
        """The one object of a key in this process, made on first use even if asked for twice."""
        if key not in self._shared:
            self._shared[key] = asyncio.ensure_future(self._make(key, make, close))
        return cast(T, await asyncio.shield(self._shared[key]))

    async def _make(
        self,
        key: str,
        make: Callable[[], Awaitable[T]],
        close: Callable[[T], Awaitable[None]] | None,
    ) -> T:
        made = await make()
        if close is not None:
            self._closers.append((key, partial(close, made)))
        return made

    async def pool(self, domain: str) -> Pool:
        """Pool of a domain's role and schema."""
        from services.runtime import database

        async def close(pool: Pool) -> None:
            try:
                async with asyncio.timeout(5.0):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

        return await self.shared(
            f"postgres:{domain}", lambda: database.connect_pool(self.base, domain), close
        )

    def redis(self, role: str = "command") -> Redis:
        """Client of a role: ``command`` or ``blocking``."""
        key = f"redis:{role}"
        made = self._redis.get(key)
        if made is None:
            from services.runtime import redis_clients

            made = self._redis[key] = redis_clients.connect(self.base, redis_clients.Role(role))
            self._closers.append((key, made.aclose))
        return made

    def address(self, domain: str) -> str:
        """Address of a domain's gRPC server, as it was when the process began."""
        return target_of(domain, self._environ)

    def channel(self, domain: str) -> grpc.aio.Channel:
        """Channel to a domain's gRPC server."""
        made = self._channels.get(domain)
        if made is None:
            made = self._channels[domain] = grpc.aio.insecure_channel(
                self.address(domain),
                options=CHANNEL_OPTIONS,
                interceptors=telemetry.client_interceptors(),
            )
            self._closers.append((f"grpc:{domain}", partial(made.close, 1.0)))
        return made

    async def close(self) -> None:
        """Close everything that was made, last first; a failure is logged and the rest goes on."""
        while self._closers:
            key, close = self._closers.pop()
            try:
                await close()
            except Exception:
                log.exception("could not close", what=key)

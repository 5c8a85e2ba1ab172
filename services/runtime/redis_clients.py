"""Redis clients, one a role, because a blocking read and a command want different time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final

import hiredis
from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.runtime.settings import RuntimeSettings

CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 2.0
"""A command that takes longer means that Redis is in trouble; callers treat it as away."""
BLOCK_MILLISECONDS = 5_000
"""Longest BLOCK of a blocking read."""
BLOCKING_SECONDS = BLOCK_MILLISECONDS / 1000 + 5.0
"""Read time-out of blocking clients: above the longest BLOCK, or every idle read would fail."""


_SERIALIZER: Final = HiredisRespSerializer()


class Sending(AbstractConnection):
    """Packs commands with hiredis and sends them without a task of their own.

    hiredis, as the client's synchronous half does: 3 µs instead of 32 for a script call of 23
    arguments, the commonest command of all our processes (8 µs through the serializer of that half,
    which looks at every argument first).

    The client sends through ``asyncio.wait_for``, which before Python 3.12 loses a cancellation
    that comes as the sending ends: whoever was cancelled goes on, and who waits for its end waits
    for ever. Here there is nothing to wait for as long as the transport takes what is written.
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        """The bytes of a command."""
        name = args[0]
        if isinstance(name, str) and " " not in name:  # else it is two words on the wire
            with suppress(TypeError):  # something the serializer knows to turn into bytes, or not
                return [hiredis.pack_command(args)]
        packed: list[bytes] = _SERIALIZER.pack(*args)
        return packed

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        """Send; the client's own errors when that fails or takes too long."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            untyped: Any = self
            await untyped.check_health()
        if isinstance(command, str):
            command = command.encode()
        writer = self._writer
        if writer is None:
            raise RedisConnectionError("the connection was closed")
        try:
            writer.writelines((command,) if isinstance(command, bytes) else command)
            _, high = writer.transport.get_write_buffer_limits()
            if writer.transport.get_write_buffer_size() > high:
                async with asyncio.timeout(self.socket_timeout):
                    await writer.drain()
        except BaseException as error:  # a part may have been sent: it is of no use any more
            await self.disconnect(nowait=True)
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError("a command could not be sent in time") from None
            if isinstance(error, OSError):
                raise RedisConnectionError(f"a command could not be sent: {error}") from error
            raise


class TcpConnection(Sending, Connection):
    """Over TCP."""


class TlsConnection(Sending, SSLConnection):
    """Over TLS."""


class SocketConnection(Sending, UnixDomainSocketConnection):
    """Through a socket of this machine."""


_SENDING: Final = {
    None: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: SocketConnection,
}
"""What takes the place of a connection that an address asks for."""


class Role(StrEnum):
    """What a client is for."""

    COMMAND = "command"
    BLOCKING = "blocking"


def connect(settings: RuntimeSettings, role: Role) -> Redis:
    """A client for a role; it connects on first use and answers bytes."""
    address: dict[str, Any] = dict(parse_url(settings.redis_url.get_secret_value()))
    asked = address.pop("connection_class", None)
    pool = BlockingConnectionPool(
        **address,
        connection_class=_SENDING[asked],
        max_connections=8 if role is Role.BLOCKING else 64,
        timeout=COMMAND_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=BLOCKING_SECONDS if role is Role.BLOCKING else COMMAND_SECONDS,
        health_check_interval=15,
        retry=Retry(
            ExponentialBackoff(cap=0.2, base=0.02),
            retries=2,
            supported_errors=(RedisConnectionError, RedisTimeoutError),
        ),
        client_name=f"eco2-{role}",
    )
    return Redis.from_pool(pool)


async def check(client: Redis) -> None:
    """Raise unless Redis answers."""
    await client.ping()

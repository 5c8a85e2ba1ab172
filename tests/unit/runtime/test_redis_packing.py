"""Commands on their way to Redis."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection

from services.runtime.redis_clients import (
    Role,
    SocketConnection,
    TcpConnection,
    TlsConnection,
    connect,
)
from services.runtime.settings import RuntimeSettings

arguments = st.one_of(st.text(), st.binary(), st.integers(), st.floats(allow_nan=False))


@given(st.lists(arguments, max_size=30))
def test_a_command_is_packed_as_the_client_packs_it(further: list[Any]) -> None:
    packed = b"".join(TcpConnection().pack_command("EVALSHA", *further))
    assert packed == b"".join(Connection().pack_command("EVALSHA", *further))


def test_a_command_of_two_words_and_a_long_value() -> None:
    for command in (("CLIENT SETNAME", "eco2"), ("SET", "key", "가" * 20_000)):
        packed = b"".join(TcpConnection().pack_command(*command))
        assert packed == b"".join(Connection().pack_command(*command))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://127.0.0.1:1/0", TcpConnection),
        ("unix:///run/redis.sock?db=0", SocketConnection),
        ("rediss://127.0.0.1:1/0", TlsConnection),
    ],
)
async def test_every_address_has_a_connection_of_its_kind(
    url: str, kind: type[AbstractConnection]
) -> None:
    client = connect(RuntimeSettings(redis_url=SecretStr(url)), Role.COMMAND)
    assert client.connection_pool.connection_class is kind
    assert isinstance(kind(**client.connection_pool.connection_kwargs), kind)
    await client.aclose()

from __future__ import annotations

import os
import random
import socket

from mesh.local.free_ports import BLOCK, FIRST, LAST, PortBlock, holder, taken
from services.runtime.ports import DEFAULT_PORTS, HOST, env_name, port


def test_two_sessions_that_draw_alike_get_different_ports() -> None:
    first, second = PortBlock(random.Random(7)), PortBlock(random.Random(7))
    try:
        one, other = set(first.table().values()), set(second.table().values())
    finally:
        first.close()
        second.close()
    assert len(one) == len(other) == len(DEFAULT_PORTS)
    assert not one & other


def test_a_block_has_room_for_every_name() -> None:
    assert len(DEFAULT_PORTS) < BLOCK < LAST - FIRST


def test_the_table_of_a_block_overrides_every_port() -> None:
    block = PortBlock()
    environ = block.table()
    block.close()
    assert {port(name, environ) for name in DEFAULT_PORTS} == {int(n) for n in environ.values()}


def test_a_port_somebody_listens_on_is_not_handed_out() -> None:
    block = PortBlock(random.Random(3))
    following = block.take() + 1
    with socket.create_server((HOST, following)):
        assert block.take() != following
    block.close()


def test_a_taken_port_is_reported_with_holder_and_variable() -> None:
    with socket.create_server((HOST, 0)) as server:
        number = server.getsockname()[1]
        found = holder(number)
        (line,) = taken({"redis": number})
    assert found is not None
    assert found.pid == os.getpid()
    assert str(number) in line
    assert str(os.getpid()) in line
    assert env_name("redis") in line
    assert taken({"redis": number}) == []

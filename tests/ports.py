"""Ports for what a test starts by itself."""

from __future__ import annotations

from typing import Final

from mesh.local.free_ports import NoFreePortsError, PortBlock

_blocks: Final[list[PortBlock]] = []


def free_port() -> int:
    """A port of this process alone, never the same twice.

    It lies below the range of outgoing connections: one of that range may be taken by somebody's
    connection before it is listened on, and who connects to it before that may meet themselves.
    """
    while True:
        try:
            return _blocks[-1].take()
        except (IndexError, NoFreePortsError):
            _blocks.append(PortBlock())

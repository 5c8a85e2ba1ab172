"""Free TCP ports for stacks beside the one on the documented ports, and who holds a taken one."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from services.runtime.ports import DEFAULT_PORTS, HOST, env_name

FIRST, LAST = 20_000, 31_999
"""Below Linux's range for outgoing connections (from 32768), above the usual services."""

BLOCK = 60
"""Ports in a block; more than the table of ports has names."""


class NoFreePortsError(RuntimeError):
    """No block of ports is free."""


class PortBlock:
    """A block of ports that is this process's own while the object lives.

    Its first port is listened on as the reservation: another process that draws the same block
    sees it taken and draws again. The others are handed out if nobody listens on them.
    """

    def __init__(self, draw: random.Random | None = None) -> None:
        blocks = list(range(FIRST, LAST + 2 - BLOCK, BLOCK))
        (draw or random.Random()).shuffle(blocks)
        for base in blocks:
            guard = _bound(base)
            if guard is not None:
                guard.listen()  # a socket that is only bound would not keep others out
                self._guard = guard
                self._left = iter(range(base + 1, base + BLOCK))
                return
        raise NoFreePortsError(f"no free block of ports between {FIRST} and {LAST}")

    def take(self) -> int:
        """The next port nobody listens on."""
        for number in self._left:
            trial = _bound(number)
            if trial is not None:
                trial.close()
                return number
        raise NoFreePortsError("the block of ports is used up")

    def table(self, names: Sequence[str] = tuple(DEFAULT_PORTS)) -> dict[str, str]:
        """Environment variables that give every name in `names` a free port."""
        return {env_name(name): str(self.take()) for name in names}

    def close(self) -> None:
        """Give the block back."""
        self._guard.close()


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port; `pid` is None when it is not ours to see."""

    pid: int | None
    command: str


def holder(number: int) -> Holder | None:
    """Who listens on TCP port `number` of this machine; None when nobody does."""
    trial = _bound(number)
    if trial is not None:
        trial.close()
        return None
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (number,):
            if connection.pid is None:
                break
            try:
                words = psutil.Process(connection.pid).cmdline()
            except psutil.Error:
                words = []
            return Holder(connection.pid, " ".join(words)[:100])
    return Holder(None, "")


def taken(ports: Mapping[str, int]) -> list[str]:
    """One line for every port of `ports` (name → number) that somebody else listens on."""
    lines = []
    for name, number in ports.items():
        found = holder(number)
        if found is None:
            continue
        who = f"pid {found.pid} ({found.command})" if found.pid else "a process of another user"
        lines.append(
            f"port {number} ({name}) is taken by {who}; stop it, or set {env_name(name)} to a "
            "free port"
        )
    return lines


def _bound(number: int) -> socket.socket | None:
    """A socket bound to the port as a server would bind it, not listening; None when taken."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As servers do: a port whose old connections are in TIME_WAIT is not taken.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((HOST, number))
    except OSError:
        server.close()
        return None
    return server

"""A constant rate over many connections: each request is due at its own time, whatever the answers
to the others do, and its latency counts from then.

(h2load's ``--rps`` is a rate a connection; those of one start all have the same beat, so that
thousands of connections send at one moment and measure the queue they make.)
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

from tests.bench import pace
from tests.bench.wrk import Target


@dataclass
class Answers:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    """From the time a request was due to the end of its answer."""
    bad: int = 0
    """Answers other than 200, and connections that were closed."""


class _Connection(asyncio.Protocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._due: deque[float] = deque()
        self._buffer = b""
        self.transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._answers.bad += len(self._due)

    def ask(self, request: bytes, due: float) -> None:
        self._due.append(due)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answers.seconds.append(time.perf_counter() - self._due.popleft())
            self._answers.bad += not head.startswith(b"HTTP/1.1 200")


async def _run(
    host: str,
    port: int,
    targets: Sequence[Target],
    per_second: int,
    connections: int,
    seconds: float,
) -> Answers:
    loop = asyncio.get_running_loop()
    answers = Answers()
    requests = [
        f"GET {target.path} HTTP/1.1\r\nhost: {host}\r\ncookie: {target.cookie}\r\n\r\n".encode()
        for target in targets
    ]
    opened: list[_Connection] = []
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: _Connection(answers), host, port)
        opened.append(connection)
    total = int(per_second * seconds)
    gc.collect()
    gc.freeze()  # a collection here would count as latency there

    def start(number: int, due: float) -> None:
        opened[number % connections].ask(requests[number % len(requests)], due)

    await pace.at_rate(start, total, per_second)
    for _ in range(200):  # the last answers may take 10 s
        if len(answers.seconds) + answers.bad >= total:
            break
        await asyncio.sleep(0.05)
    answers.bad += max(0, total - len(answers.seconds) - answers.bad)
    for connection in opened:
        connection.transport.abort()
    return answers


def run(
    host: str,
    port: int,
    targets: Sequence[Target],
    per_second: int,
    connections: int,
    seconds: float,
) -> Answers:
    """Send at a constant rate for so long; blocks."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(host, port, targets, per_second, connections, seconds))

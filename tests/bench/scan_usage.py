"""What each group of processes costs while the load runs: CPU and memory, restarts included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psutil

from mesh.local.ephemeral_stack import EphemeralStack

OURS: Final = ("servers", "authz", "progress", "workers")
"""Our Python processes; their CPU is the bar."""

OTHERS: Final = ("envoy", "kafka", "redis", "postgres", "s3proxy")


@dataclass(frozen=True, slots=True)
class Sample:
    """Totals of one group so far."""

    cpu_seconds: float
    rss_bytes: int


class Meter:
    """Reads the processes of a stack, and of the load itself.

    A process that is gone keeps what it had used when it was last seen, so that the CPU of a worker
    that was killed still counts. Call :meth:`read` at least once a second while that may happen.
    """

    def __init__(self, stack: EphemeralStack, extra: dict[str, int]) -> None:
        """`extra`: further groups and the process id of each."""
        self._stack = stack
        self._extra = extra
        self._used: dict[str, dict[tuple[int, float], float]] = {}

    def read(self) -> dict[str, Sample]:
        """Totals by group."""
        found: dict[str, Sample] = {}
        for group in (*OURS, *OTHERS):
            pid = self._stack.status(group).pid
            found[group] = self._group(group, () if pid is None else (pid,))
        for group, pid in self._extra.items():
            found[group] = self._group(group, (pid,), family=False)
        return found

    def _group(self, group: str, pids: Iterable[int], *, family: bool = True) -> Sample:
        used = self._used.setdefault(group, {})
        rss = 0
        for pid in pids:
            try:
                process = psutil.Process(pid)
                members = [process, *(process.children(recursive=True) if family else ())]
            except psutil.NoSuchProcess:
                continue
            for member in members:
                try:
                    times = member.cpu_times()
                    used[member.pid, member.create_time()] = times.user + times.system
                    rss += member.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
        return Sample(sum(used.values()), rss)

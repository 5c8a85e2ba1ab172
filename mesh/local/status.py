"""What runs, for people and for scripts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import psutil

from mesh.local import state
from mesh.local.layout import GROUPS
from mesh.local.paths import Paths


@dataclass(frozen=True)
class Row:
    """One part, measured now."""

    name: str
    state: str
    pid: int | None
    ports: dict[str, int]
    uptime_seconds: float | None
    rss_mib: float | None
    restarts: int


@dataclass(frozen=True)
class Status:
    """The stack, measured now."""

    up: bool
    """A supervisor lives and every part is ready."""

    phase: str
    supervisor_pid: int | None
    message: str
    replaced: dict[str, str]
    parts: tuple[Row, ...]
    python_rss_mib: float
    """Resident memory of all Python processes together, the supervisor included."""

    def json(self) -> dict[str, object]:
        """Plain data for ``--json``."""
        return asdict(self)


def measure(paths: Paths) -> Status:
    """Read the state file, believe it only as far as the processes bear it out, and measure."""
    known = state.StackState.read(state.file(paths.run))
    supervisor = state.Lock(paths.run).holder()
    if known is None or supervisor is None:
        last = f"last run: {known.phase} {known.message}".rstrip() if known else ""
        return Status(False, "down", None, last, {}, (), 0.0)
    now = time.time()
    rows = tuple(_row(name, part, now) for name, part in known.parts.items())
    ours = {group.name for group in GROUPS}
    python = sum(row.rss_mib or 0 for row in rows if row.name in ours) + (
        _rss(supervisor, family=False) or 0
    )
    up = known.phase == "ready" and all(row.state in {"ready", "done"} for row in rows)
    return Status(up, known.phase, supervisor, known.message, known.replaced, rows, python)


def _row(name: str, part: state.PartStatus, now: float) -> Row:
    rss = _rss(part.pid) if part.pid else None
    uptime = now - part.created if part.pid and part.created else None
    return Row(name, part.state, part.pid, part.ports, uptime, rss, part.restarts)


def _rss(pid: int, *, family: bool = True) -> float | None:
    """Resident MiB of a process, its children included on request; None when it is gone."""
    try:
        process = psutil.Process(pid)
        members = [process, *(process.children(recursive=True) if family else ())]
    except psutil.Error:
        return None
    total = 0
    for member in members:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def table(status: Status) -> str:
    """`status` as text for a terminal."""
    if status.supervisor_pid is None:
        return "the stack is not up" + (f" ({status.message})" if status.message else "")
    lines = [
        f"{status.phase}, supervisor pid {status.supervisor_pid}",
        f"{'part':<12} {'state':<11} {'pid':>8} {'up':>9} {'RSS MiB':>8}  ports",
    ]
    for row in status.parts:
        ports = " ".join(f"{name}:{number}" for name, number in row.ports.items())
        up = _duration(row.uptime_seconds) if row.uptime_seconds is not None else "-"
        rss = f"{row.rss_mib:.0f}" if row.rss_mib is not None else "-"
        again = f"  restarted {row.restarts}×" if row.restarts else ""
        lines.append(
            f"{row.name:<12} {row.state:<11} {row.pid or '-':>8} {up:>9} {rss:>8}  {ports}{again}"
        )
    lines += [f"{name:<12} used at {value}" for name, value in status.replaced.items()]
    lines.append(f"Python processes together: {status.python_rss_mib:.0f} MiB")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""What a supervisor tells the other commands: a lock while it lives, and a file about its parts."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import psutil

PartState = Literal["waiting", "starting", "ready", "done", "restarting", "stopping", "stopped"]
Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]


class AlreadyRunningError(Exception):
    """Another supervisor holds the lock; `pid` is its process id, 0 when unknown."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        super().__init__(
            f"the stack is already up (supervisor pid {pid}); see `eco2 status`, or stop it with "
            "`eco2 down`"
        )


@dataclass
class PartStatus:
    """One part as the supervisor sees it."""

    state: PartState = "waiting"
    pid: int | None = None
    created: float = 0.0
    """Start time of the process as the kernel knows it (epoch seconds); tells a pid's reuse."""

    since: float = 0.0
    """When it came into this state (epoch seconds)."""

    restarts: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    user: str | None = None


@dataclass
class StackState:
    """The contents of the state file."""

    pid: int
    created: float
    phase: Phase = "starting"
    since: float = 0.0
    message: str = ""
    replaced: dict[str, str] = field(default_factory=dict)
    """Infrastructure that is used by URL instead of being started."""

    parts: dict[str, PartStatus] = field(default_factory=dict)

    @classmethod
    def new(cls) -> Self:
        """State of a supervisor that is this process."""
        return cls(pid=os.getpid(), created=psutil.Process().create_time(), since=time.time())

    def write(self, file: Path) -> None:
        """Replace the file in one step, so that a reader never sees half of it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=1))
        fresh.replace(file)

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """The state last written; None when there is none or it is not readable as one."""
        try:
            raw: dict[str, Any] = json.loads(file.read_text())
            parts = {name: PartStatus(**status) for name, status in raw.pop("parts").items()}
            return cls(**raw, parts=parts)
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            return None


class Lock:
    """Held by a supervisor from before its first part to after its last.

    The kernel drops it with the process, however that ends: a lock that can be taken means that
    nobody supervises, whatever the files say.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / "up.lock"
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock; raises :class:`AlreadyRunningError` naming the holder."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid_in(handle)
            os.close(handle)
            raise AlreadyRunningError(pid) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Give the lock back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def holder(self) -> int | None:
        """Pid of the living supervisor; None when there is none (a stale file does not count).

        Needs no more than the right to read, so that any user may ask.
        """
        try:
            handle = os.open(self._file, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(handle)
        finally:
            os.close(handle)
        return None


def _pid_in(handle: int) -> int:
    text = os.pread(handle, 20, 0).decode(errors="replace").strip()
    return int(text) if text.isdecimal() else 0


def file(run: Path) -> Path:
    """Where a stack's state is written."""
    return run / "state.json"


def leftovers(state: StackState | None) -> list[psutil.Process]:
    """Processes of a state's parts that still run although their supervisor is gone.

    A pid that was given to another process since is told apart by its start time.
    """
    found = []
    for part in state.parts.values() if state else ():
        if part.pid is None:
            continue
        try:
            process = psutil.Process(part.pid)
            same = abs(process.create_time() - part.created) < 1.0
            if same and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found

"""What a part of the stack is: how to start it, when it is ready, how to stop it."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Probe = Callable[[], Awaitable[None]]
"""One readiness attempt against the real protocol of the part; raises while it is not ready."""


class SetupError(Exception):
    """Something a person has to put right; the text is one line that says what to do."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack."""

    name: str
    """Unique in a stack; names the log file too."""

    command: tuple[str, ...]
    """Program and arguments. It must stay in the foreground."""

    ready: Probe
    """Real readiness: the part does its job, not merely listens."""

    ports: tuple[str, ...] = ()
    """Names (``services/runtime/ports.py``) of the TCP ports it listens on; must be free first."""

    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables on top of the supervisor's own."""

    user: str | None = None
    """System user to run as when started by root; None keeps the user."""

    after: tuple[str, ...] = ()
    """Parts and one-off steps that have to be ready before this one starts."""

    drains_before: tuple[str, ...] = ()
    """Parts that must stay up until this one has ended, besides those in `after`."""

    prepare: Callable[[], None] | None = None
    """Makes data folders and settings files; runs in a thread; raises :class:`SetupError`."""

    drain: Callable[[], Awaitable[None]] | None = None
    """Lets what is in flight finish before the stop signal; bounded by `grace_seconds`."""

    stop_signal: signal.Signals = signal.SIGTERM
    """Asks for an orderly end."""

    grace_seconds: float = 10.0
    """How long an orderly end may take before SIGKILL."""

    start_seconds: float = 60.0
    """How long it may take to become ready before it counts as failed."""

    one_off: bool = False
    """True for a step that runs to its end with exit code 0 (migrations, topics)."""

"""Initial metadata through which a servicer shapes the HTTP answer at the edge.

The edge's Lua filter turns ``x-http-status`` into the response status. Metadata can be sent once a
call, so what a servicer sets is collected and leaves together, in :func:`send`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

HTTP_STATUS = "x-http-status"

_pending: ContextVar[list[tuple[str, str]] | None] = ContextVar("eco2_reply", default=None)


def begin() -> None:
    """Start collecting for the call that this task serves."""
    _pending.set([])


def _add(name: str, value: str) -> None:
    pending = _pending.get()
    if pending is None:
        raise RuntimeError("reply metadata can be set only while a call is served")
    pending.append((name, value))


def status(code: int) -> None:
    """Answer with this HTTP status instead of 200."""
    _add(HTTP_STATUS, str(code))


def header(name: str, value: str) -> None:
    """Add a response header; the name is lower-cased as gRPC metadata demands."""
    _add(name.lower(), value)


async def send(context: Any) -> None:
    """Send what was collected, if anything was."""
    pending = _pending.get()
    if pending:
        await context.send_initial_metadata(tuple(pending))

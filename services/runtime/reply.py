"""Initial metadata through which the HTTP answer at the edge is shaped.

The edge's Lua filter turns ``x-http-status`` into the response status. The proto file states it and
nothing else does: a call begins with the ``success_status`` of its method, and a servicer may only
choose among the method's ``other_statuses``. Metadata can be sent once a call, so what a servicer
sets is collected and leaves together, in :func:`send`.
"""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

HTTP_STATUS = "x-http-status"


@dataclass(slots=True)
class _Pending:
    status: int
    """0 for 200, which needs no header."""
    others: Collection[int]
    headers: list[tuple[str, str]] = field(default_factory=list)


_pending: ContextVar[_Pending | None] = ContextVar("eco2_reply", default=None)


def begin(success_status: int, other_statuses: Collection[int]) -> None:
    """Start collecting for the call that this task serves, of a method that declares these."""
    _pending.set(_Pending(success_status, other_statuses))


def other_status(code: int) -> None:
    """Answer with this one of the method's ``other_statuses``; RuntimeError for any other."""
    pending = _current()
    if code not in pending.others:
        raise RuntimeError(f"the method does not declare {code} among its other_statuses")
    pending.status = code


def header(name: str, value: str) -> None:
    """Add a response header; the name is lower-cased as gRPC metadata demands."""
    _current().headers.append((name.lower(), value))


async def send(context: Any) -> None:
    """Send what was declared and collected, if it is anything."""
    pending = _current()
    if pending.status:
        pending.headers.append((HTTP_STATUS, str(pending.status)))
    if pending.headers:
        await context.send_initial_metadata(tuple(pending.headers))


def _current() -> _Pending:
    pending = _pending.get()
    if pending is None:
        raise RuntimeError("reply metadata can be set only while a call is served")
    return pending

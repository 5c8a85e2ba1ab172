"""Server-sent events as the app reads them (docs/app.md, "Event streams")."""

from __future__ import annotations

from datetime import datetime
from json.encoder import encode_basestring as quoted
from typing import Final

from edge.progress.resume import event_id
from streaming.progress import stages
from streaming.progress.event import StoredEvent
from streaming.progress.stages import RECOVERY

PING: Final = b": ping\r\n\r\n"

TIMEOUT: Final = (
    b"id:\r\nevent: error\r\n"
    b'data: {"type":"error","error":"timeout","message":"Maximum wait time exceeded"}\r\n\r\n'
)
"""Last frame of a connection that lived too long; the empty id makes the browser forget its own."""


def retry(milliseconds: int) -> bytes:
    """First frame: how long a browser waits before it reconnects."""
    return b"retry: %d\r\n\r\n" % milliseconds


def keepalive(now: datetime) -> bytes:
    """A named event without an id: the app's watchdog can't see comments."""
    stamp = now.isoformat(timespec="milliseconds").encode()
    return b'event: keepalive\r\ndata: {"timestamp":"%b"}\r\n\r\n' % stamp


def event(stored: StoredEvent) -> bytes:
    """The frame of an event. A failure travels under the name ``error``, whatever its stage."""
    name = "error" if stored.status == stages.FAILED else stored.stage
    id_ = event_id(stored)
    return f"id: {id_}\r\nevent: {name}\r\ndata: {_data(stored, id_)}\r\n\r\n".encode()


def _data(stored: StoredEvent, id_: str) -> str:
    ms = stored.id.ms
    head = (
        f'{{"job_id":{quoted(stored.job_id)},"stage":{quoted(stored.stage)},'
        f'"status":{quoted(stored.status)},"seq":{stored.seq},"ts":"{ms // 1000}.{ms % 1000:03}"'
    )
    if stored.stage == RECOVERY:
        body = (
            f',"accumulated":{quoted(stored.content or "")},"last_seq":{stored.seq},'
            '"completed":false'
        )
    elif stored.is_token:
        body = f',"content":{quoted(stored.content or "")},"node":{quoted(stored.node or "")}'
    else:
        progress = '""' if stored.progress is None else stored.progress
        body = f',"progress":{progress},"result":{stored.result or _NOTHING}'
        if stored.message is not None:
            body += f',"message":{quoted(stored.message)}'
    return f'{head}{body}{_trace(stored.traceparent)},"stream_id":"{id_}"}}'


_NOTHING: Final = '""'


def _trace(traceparent: str) -> str:
    """Members of the trace context; none when there is no valid one."""
    parts = traceparent.split("-")
    if len(parts) != 4:
        return ""
    return (
        f',"trace_id":{quoted(parts[1])},"span_id":{quoted(parts[2])},'
        f'"traceparent":{quoted(traceparent)}'
    )

"""The SSE bridge: an ASGI application that serves a job's stream to browsers.

Raw ASGI, because a stream is a long-lived coroutine and a framework's layers would cost more than
the work itself. The paths it serves are the event-stream paths of the descriptors.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.progress import frames, metrics, resume
from edge.progress.core import ProgressCore
from edge.progress.settings import ProgressSettings
from edge.progress.subscription import Item, Subscription
from services.runtime import identity, path_template
from services.runtime.component import Scope
from services.runtime.errors import DomainError, status_json
from streaming.progress import stages
from streaming.progress.event import StoredEvent

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

FACE: Final = "sse"

LATENCY_SAMPLE: Final = 8
"""One write of so many is observed in the latency histogram."""

_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{10,64}")
_ANY_SERVICE: Final = re.compile(r"/api/v1/([^/]+)/[^/]+/events")
_NO_BODY: Final = {"type": "http.response.body", "body": b"", "more_body": False}
_START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    ],
}


class SseBridge:
    """Serves ``GET`` on the event-stream paths `templates`."""

    def __init__(
        self, core: ProgressCore, settings: ProgressSettings, templates: Iterable[str]
    ) -> None:
        self._core = core
        self._keepalive = settings.progress_keepalive_seconds
        self._lifetime = settings.progress_connection_seconds
        self._retry = frames.retry(settings.progress_reconnect_ms)
        self._writes = 0
        self._paths = [_pattern(template) for template in templates]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"the SSE bridge does not speak {scope['type']}")
        requested_at = asyncio.get_running_loop().time()
        try:
            stream = await self._open(scope)
        except DomainError as error:
            metrics.REFUSED.labels(error.meaning.name).inc()
            await _refuse(error, send)
            return
        metrics.OPENED.labels(FACE).inc()
        metrics.ACTIVE.labels(FACE).inc()
        reason = "disconnect"
        watching = asyncio.create_task(_close_on_disconnect(receive, stream))
        try:
            reason = await self._serve(stream, requested_at, send)
        except OSError:  # how other servers than uvicorn tell that the client has gone
            pass
        finally:
            watching.cancel()
            self._core.release(stream)
            metrics.ACTIVE.labels(FACE).dec()
            metrics.CLOSED.labels(FACE, reason).inc()
            metrics.DURATION.observe(asyncio.get_running_loop().time() - requested_at)

    async def _open(self, scope: Scope) -> Subscription:
        """Read the request and open its stream; DomainError when it is refused."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode("latin-1"))
        domain, job_id = self._job_of(scope["path"], query)
        if scope["method"] != "GET":
            raise DomainError(
                ErrorReason.ERROR_REASON_METHOD_NOT_ALLOWED, "an event stream takes GET only"
            )
        caller = identity.from_metadata(
            [(identity.USER_ID, headers.get(identity.USER_ID.encode(), ""))]
        )
        if not caller.user_id:
            raise DomainError(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED, "the request carries no user"
            )
        if not _JOB_ID.fullmatch(job_id):
            raise DomainError(
                ErrorReason.ERROR_REASON_INVALID_JOB_ID, "a job id has 10 to 64 letters and digits"
            )
        seen = resume.parse(
            headers.get(b"last-event-id", ""),
            query.get("last_token_seq", [""])[-1],
            now_ms=int(time.time() * 1000),
        )
        return await self._core.open(job_id, user_id=caller.user_id, domain=domain, resume=seen)

    def _job_of(self, path: str, query: dict[str, list[str]]) -> tuple[str | None, str]:
        """Domain and id of the job a request is about; DomainError for a path not served."""
        for pattern, domain in self._paths:
            match = pattern.fullmatch(path)
            if match:
                return domain, match[1] if pattern.groups else query.get("job_id", [""])[-1]
        other = _ANY_SERVICE.fullmatch(path)
        if other:
            raise DomainError(
                ErrorReason.ERROR_REASON_UNSUPPORTED_SERVICE,
                "no events for jobs of this service",
                metadata={"service": other[1]},
            )
        raise DomainError(ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND, "no stream under this path")

    async def _serve(self, stream: Subscription, requested_at: float, send: Send) -> str:
        """Send the stream until it ends; why it ended."""
        loop = asyncio.get_running_loop()
        deadline = requested_at + self._lifetime
        sent_at = pinged_at = loop.time()
        first = True
        await send(_START)
        body = self._retry
        stream.due = 0.0  # the first answer is what there is already, nothing included
        ending = ""
        while True:
            items = await stream.next()
            now = loop.time()
            if items:
                frame_bytes, ending = _frames(items)
                body += frame_bytes
                sent_at = now
                if first:
                    first = False
                    metrics.TTFB.observe(now - requested_at)
            elif stream.closed:
                ending = stream.closed
            elif now >= deadline:
                body += frames.TIMEOUT
                ending = "timeout"
            else:
                if now - sent_at >= self._keepalive:
                    body += frames.keepalive(datetime.now(UTC))
                    sent_at = now
                if now - pinged_at >= self._keepalive:
                    body += frames.PING
                    pinged_at = now
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
                if items:
                    self._note_latency(items[0].event)
            if ending:
                await send(_NO_BODY)
                return ending
            body = b""
            stream.due = min(sent_at + self._keepalive, pinged_at + self._keepalive, deadline)

    def _note_latency(self, event: StoredEvent) -> None:
        """Observe one write in so many: the histogram costs a tenth of what an event may cost."""
        self._writes += 1
        if self._writes % LATENCY_SAMPLE == 0:
            metrics.LATENCY.observe(max(0.0, time.time() - event.id.ms / 1000))


def _pattern(template: str) -> tuple[re.Pattern[str], str | None]:
    """Pattern of a path template, its group the job's id, and the domain the path names.

    The template of the legacy path has neither: there the id is a query parameter.
    """
    parsed = path_template.parse(template)
    if "job_id" not in parsed.variables:
        return parsed.regex, None
    place = parsed.segments.index(path_template.ONE)
    path = "".join(
        "/([^/]+)" if segment == path_template.ONE else f"/{re.escape(segment)}"
        for segment in parsed.segments
    )
    return re.compile(path), parsed.segments[place - 1]


def _frames(items: list[Item]) -> tuple[bytes, str]:
    """The frames of events up to the job's end, and how it ended; empty while it has not.

    A frame is made once, whoever else watches the job.
    """
    made = []
    for item in items:
        if item.frame is None:
            item.frame = frames.event(item.event)
        made.append(item.frame)
        if item.event.is_terminal:
            return b"".join(made), stages.FAILED if item.event.status == stages.FAILED else "done"
    return b"".join(made), ""


async def _close_on_disconnect(receive: Receive, stream: Subscription) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close("disconnect")


async def _refuse(error: DomainError, send: Send) -> None:
    """Answer with the error as the edge's other errors look."""
    body = status_json(error.reason, error.message, **error.metadata)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after_seconds))).encode()))
    if error.reason == ErrorReason.ERROR_REASON_METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET"))
    status = error.meaning.http_status
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Say yes to the server's start and stop: what runs beside the bridge is run by the process."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

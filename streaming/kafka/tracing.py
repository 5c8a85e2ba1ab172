"""Spans and trace context of records sent and handled.

The client library's own instrumentation ends a consumer span before the handler runs, so the spans
are started here, around the handler, with the sender's span as parent. Without an SDK the API's
no-op spans only carry the context along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

_TRACER: Final = trace.get_tracer("eco2.kafka")


def parse(traceparent: str) -> SpanContext | None:
    """The remote span a W3C ``traceparent`` names; None unless it is well formed.

    https://www.w3.org/TR/trace-context/#traceparent-header
    """
    parts = traceparent.split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    if parts[0] == "00" and len(parts) != 4:
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def render(context: SpanContext) -> str:
    """`context` as a ``traceparent``."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def sending(topic: str, given: str) -> Iterator[str]:
    """PRODUCER span around a send; yields the ``traceparent`` to put into the record: the span's,
    else `given` (empty when there is neither).
    """
    parent = None
    if given and not trace.get_current_span().get_span_context().is_valid:
        remote = parse(given)
        if remote is not None:
            parent = trace.set_span_in_context(NonRecordingSpan(remote))
    span = _TRACER.start_span(
        f"{topic} send",
        context=parent,
        kind=SpanKind.PRODUCER,
        attributes={"messaging.system": "kafka", "messaging.destination.name": topic},
    )
    try:
        context = span.get_span_context()
        yield render(context) if context.is_valid else given
    finally:
        span.end()


@contextmanager
def processing(topic: str, group: str, headers: Mapping[str, str]) -> Iterator[Span]:
    """PROCESS span around a handler, current while it runs."""
    given = headers.get("traceparent")
    remote = parse(given) if given else None
    parent = trace.set_span_in_context(NonRecordingSpan(remote)) if remote is not None else None
    with _TRACER.start_as_current_span(
        f"{topic} process",
        context=parent,
        kind=SpanKind.CONSUMER,
        attributes={
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.consumer.group.name": group,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span

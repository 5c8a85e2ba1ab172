"""Record headers: what travels beside a message.

Header values are short ASCII texts; times are Unix epoch milliseconds in decimal. Names that are
not ours pass through every retry untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

SCHEMA: Final = "eco2-schema"
"""Full protobuf name of the value."""
ATTEMPT: Final = "eco2-attempt"
"""Which attempt this delivery is, from 1; absent means 1."""
NOT_BEFORE: Final = "eco2-not-before"
"""When the record may be handled at the earliest."""
DEADLINE: Final = "eco2-deadline"
"""When handling it stops making sense."""
ORIGIN: Final = "eco2-origin"
"""``topic:partition:offset`` of the first delivery of a retried or dead record."""
REASON: Final = "eco2-reason"
"""Why the last attempt failed: a reason word or an exception's type name."""
DEAD: Final = "eco2-dead"
"""How a dead letter died, one of :class:`streaming.kafka.retry.Death`."""
FAILED_AT: Final = "eco2-failed-at"
"""When the last attempt failed."""
ROUND: Final = "eco2-dlq-round"
"""How often the record was already replayed out of a dead letter queue; absent means 0."""
TRACEPARENT: Final = "traceparent"
"""W3C Trace Context of the span that sent the record."""

PER_DELIVERY: Final = frozenset({ATTEMPT, NOT_BEFORE, REASON, DEAD, FAILED_AT})
"""Headers that tell of one delivery: a replay starts without them."""

MAX_REASON: Final = 200
"""Longest reason text in a header, in characters."""


def encode(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Headers as the Kafka client takes them."""
    return [(name, value.encode()) for name, value in headers.items()]


def decode(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Headers as texts. Of a repeated name the last one counts; bytes that are no UTF-8 are
    replaced rather than refused, since a header alone must not make a record unreadable.
    """
    return {
        name: value.decode("utf-8", "replace") if value is not None else ""
        for name, value in headers
    }


def millis(epoch_seconds: float) -> str:
    """A Unix time in seconds as a header value."""
    return str(round(epoch_seconds * 1000))


def seconds(headers: Mapping[str, str], name: str) -> float | None:
    """The Unix time in seconds that header `name` holds; None when absent or unreadable."""
    raw = headers.get(name)
    if raw is None or not raw.isascii() or not raw.isdigit() or len(raw) > 15:
        return None
    return int(raw) / 1000


def count(headers: Mapping[str, str], name: str, default: int) -> int:
    """The small natural number that header `name` holds; `default` when absent or unreadable."""
    raw = headers.get(name)
    if raw is None or not raw.isascii() or not raw.isdigit() or len(raw) > 6:
        return default
    return int(raw)


def reason_text(text: str) -> str:
    """`text` made safe for a header: one printable line of bounded length."""
    line = "".join(c if c.isprintable() else " " for c in text).strip()
    return line[:MAX_REASON] or "UNKNOWN"

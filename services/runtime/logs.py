"""Structured logs: one JSON object a line, keys of the Elastic Common Schema.

``log = logs.get(__name__)`` and then ``log.info("scan accepted", job_id=job_id)``. Values under
keys that look like secrets are masked, whoever logs them.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

from services.runtime.repetition import Repetitions

ECS_VERSION = "8.11.0"
_FIELDS = "eco2_fields"
_SECRET = re.compile(
    r"token|secret|password|passwd|authorization|cookie|api_?key|private|credential|signature",
    re.IGNORECASE,
)
MASK = "***"

REPEATED_SECONDS: Final = 10.0
REPEATED_LINES: Final = 20
"""Lines of one repeated warning in those seconds: an outage of minutes with hundreds of jobs in
flight writes two a second, and what happens to a few jobs is written in full."""

_repetitions: Final = Repetitions(REPEATED_SECONDS, REPEATED_LINES)


def masked(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields with the values of secret-looking keys replaced."""
    return {
        key: MASK
        if _SECRET.search(key) and not isinstance(value, int | float | bool | None)
        else masked(value)
        if isinstance(value, dict)
        else value
        for key, value in fields.items()
    }


class JsonFormatter(logging.Formatter):
    """Formats a record as one ECS document."""

    def __init__(self, service: str, environment: str) -> None:
        super().__init__()
        self._service = service
        self._environment = environment

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        document: dict[str, Any] = {
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "log.logger": record.name,
            "service.name": self._service,
            "service.environment": self._environment,
            "ecs.version": ECS_VERSION,
        }
        trace = _trace_ids()
        if trace:
            document["trace.id"], document["span.id"] = trace
        fields = getattr(record, _FIELDS, None)
        if fields:
            document["labels"] = masked(fields)
        if record.exc_info and record.exc_info[0] is not None:
            document["error.type"] = record.exc_info[0].__qualname__
            document["error.message"] = str(record.exc_info[1])
            document["error.stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False, default=str)


def _trace_ids() -> tuple[str, str] | None:
    """Ids of the current span, when one is recording."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


class Log:
    """A logger whose keyword arguments become fields."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def _write(self, level: int, message: str, fields: dict[str, Any], exc: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", message, extra={_FIELDS: fields}, exc_info=exc)

    @property
    def debugs(self) -> bool:
        """Whether what is only for debugging is written at all."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, message: str, **fields: Any) -> None:
        """What only a person debugging wants to see."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: Any) -> None:
        """A transition worth knowing."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something is wrong and was coped with."""
        self._write(logging.WARNING, message, fields)

    def repeated(self, message: str, **fields: Any) -> None:
        """A warning that an outage gives cause for again and again, at every job or every try.

        Of more than :data:`REPEATED_LINES` in :data:`REPEATED_SECONDS` the rest is left out; the
        next line says how many, as ``left_out``.
        """
        left_out = _repetitions.passes((self._logger.name, message))
        if left_out is None:
            return
        if left_out:
            fields["left_out"] = left_out
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something is wrong and was not coped with."""
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: Any) -> None:
        """An error together with the exception being handled."""
        self._write(logging.ERROR, message, fields, exc=True)


def get(name: str) -> Log:
    """The log of a module."""
    return Log(logging.getLogger(name))


_NOISY: Final = (
    *("aiokafka", "kafka", "botocore", "urllib3", "openai", "asyncio"),
    *("httpx", "httpx2"),  # a line a call; the second one is what the OpenAI client brings
)
"""Libraries whose notes at INFO are of no use to whoever runs this."""


def configure(service: str, environment: str, level: str) -> None:
    """Send all logging of this process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service, environment))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)

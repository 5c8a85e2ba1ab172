"""Keeps the client library's log readable while brokers are away."""

from __future__ import annotations

import logging
from typing import Final

from services.runtime.repetition import Repetitions

WINDOW_SECONDS: Final = 10.0

_LOGGERS: Final = (
    "aiokafka",  # of its client
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)
"""Those that repeat themselves every few hundred milliseconds of an outage."""


class OncePerWindow(logging.Filter):
    """Lets the same message (by its template) pass once in `seconds`, with the number left out."""

    def __init__(self, seconds: float = WINDOW_SECONDS) -> None:
        super().__init__()
        self._repetitions = Repetitions(seconds)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written."""
        left_out = self._repetitions.passes((record.levelno, str(record.msg)))
        if left_out is None:
            return False
        if left_out:
            record.msg = f"{record.msg} ({left_out} more like it)"
        return True


_FILTER: Final = OncePerWindow()


def quieten() -> None:
    """Limit the library's repetitions in this process; idempotent."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

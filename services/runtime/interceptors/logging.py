"""A debug line for every call served."""

from __future__ import annotations

import time
from typing import Any

from services.runtime import logs
from services.runtime.interceptors.method import Call, Method

log = logs.get(__name__)


def logging(method: Method, call: Call) -> Call:
    """The layer. Refusals are logged where they become a status, in the errors layer."""
    if not log.debugs:
        return call

    async def logged(request: Any, context: Any) -> Any:
        started = time.perf_counter()
        response = await call(request, context)
        log.debug(
            "call served",
            method=method.path,
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
        )
        return response

    return logged

"""Whether a process of ours is ready."""

from __future__ import annotations

import asyncio
from typing import Final

from mesh.local.probe import READY_PATH, http_ok
from services.runtime.ports import HOST

PATIENCE_SECONDS: Final = 2.0
"""For one answer; a process that just starts or drains may take connections without any."""


async def is_ready(metrics_port: int) -> bool:
    """Whether the process with this metrics port says that all it serves is ready."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await http_ok(HOST, metrics_port, READY_PATH)
    except (OSError, TimeoutError):
        return False
    return True

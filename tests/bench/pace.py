"""Starting things at exact times.

Timers of an event loop are of whole milliseconds (those of uvloop came 0.3 ms late at the median
and 1.2 at p99, those of asyncio 1.3 and 2.4): a load generator would report that as latency. A
thread that sleeps comes within a few tenths.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Final

LEAD_SECONDS: Final = 0.2
"""From the call to the first start."""
SWITCH_SECONDS: Final = 0.0005
"""How long the loop's thread may keep the interpreter from the one that sleeps."""


async def at_rate(start: Callable[[int, float], object], count: int, per_second: float) -> None:
    """Call ``start(number, due)`` in this loop, so many times a second; returns after the last.

    `due` is when that call should be, in seconds of :func:`time.perf_counter`.
    """
    loop = asyncio.get_running_loop()
    began = time.perf_counter() + LEAD_SECONDS

    def keep_time() -> None:
        for number in range(count):
            due = began + number / per_second
            time.sleep(max(0.0, due - time.perf_counter()))
            loop.call_soon_threadsafe(start, number, due)

    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        await asyncio.to_thread(keep_time)
    finally:
        sys.setswitchinterval(before)

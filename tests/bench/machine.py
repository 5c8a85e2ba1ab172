"""The state of the machine, for a benchmark to print before and after it.

Cores of virtual machines are shared: with nothing else to do one took 0.32 ms for the same loop and
0.65 ms a few seconds later, 0.52 in one hour and 0.88 in another, and every figure of time or CPU
grew alike. So figures of different runs are compared by that loop.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Final

ROUNDS: Final = 1000
STEPS: Final = 4000


def loop_ms() -> float:
    """Milliseconds that fixed work takes the interpreter, the median over half a second or so."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        kept: dict[int, str] = {}
        for number in range(STEPS):
            kept[number % 97] = str(number)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def state() -> str:
    """The load of the last minute, and the speed of a core."""
    return f"load {os.getloadavg()[0]:.1f}, {STEPS:,} turns of a loop {loop_ms():.2f} ms"

"""No test waits for ever, and one that would shows what it waits for.

pytest-timeout ends a test that takes longer than ``timeout`` in pyproject.toml, or than its own
mark says. In the thread of the tests it finds the event loop, which tells nothing of the coroutines
that wait in it, and whose test goes on hanging: what that has frozen or started would stay so, and
the tests after it would wait for it in turn. Therefore the coroutine of a test is cancelled a while
before: its own ends are run, and what all tasks waited for is shown. The other limit remains for
fixtures, and for threads that are blocked.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Final, ParamSpec

P = ParamSpec("P")

GRACE_SECONDS: Final = 30.0
"""What a test that was cancelled has for its ends."""


def limited(test: Callable[P, Awaitable[None]], seconds: float) -> Callable[P, Awaitable[None]]:
    """`test`, cancelled after `seconds`; it then raises TimeoutError."""

    @functools.wraps(test)
    async def within(*args: P.args, **kwargs: P.kwargs) -> None:
        __tracebackhide__ = True
        loop = asyncio.get_running_loop()
        showing = loop.call_later(seconds, _show_tasks, asyncio.all_tasks(loop))
        try:
            async with asyncio.timeout(seconds + 0.5) as limit:
                await test(*args, **kwargs)
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"the test was not over after {seconds:g} s") from error
            raise
        finally:
            showing.cancel()

    return within


def limit(item: Any, seconds: float) -> None:
    """Put a limit on a test item of pytest, if it is a coroutine function."""
    holder, name = item, "obj"
    if hasattr(getattr(item, "obj", None), "hypothesis"):
        holder, name = item.obj.hypothesis, "inner_test"  # each example has the time of a test
    test = getattr(holder, name, None)
    if inspect.iscoroutinefunction(test) and not hasattr(test, "limit"):
        setattr(holder, name, within := limited(test, seconds))
        vars(within)["limit"] = seconds


def _show_tasks(before: set[asyncio.Task[Any]]) -> None:
    """Print where the tasks stand that have begun since, and the test's own."""
    mine = [task for task in asyncio.all_tasks() if task not in before or _is_test(task)]
    print(f"{len(mine)} tasks of a test that takes too long:", file=sys.stderr)
    for task in mine:
        print(f"\n{task.get_name()}", file=sys.stderr)
        print(*traceback.format_list(stack(task)), sep="", file=sys.stderr)


def _is_test(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "__name__", "").startswith("test_")


def stack(task: asyncio.Task[Any]) -> traceback.StackSummary:
    """What a task waits for, outermost first (a task's own ``get_stack`` is that frame alone)."""
    frames = []
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return traceback.StackSummary.extract(iter(frames))

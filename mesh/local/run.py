"""Running a stack in the foreground, in the background, and around one job."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TextIO

from mesh.local import layout, state
from mesh.local.part import SetupError
from mesh.local.parts import python
from mesh.local.paths import Paths
from mesh.local.supervisor import Report, Supervisor
from services.runtime.ports import port
from services.runtime.settings import RuntimeSettings

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells count it (128 + SIGINT)."""

Job = Callable[[], Awaitable[int]]
"""What is done while the stack is up; its result is the exit code."""


def reporter(out: TextIO) -> Report:
    """One line a transition, with the seconds since the start."""
    begun = time.monotonic()

    def report(part: str, what: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not stop the draining
            print(f"{time.monotonic() - begun:6.1f} s  {part:<10} {what}", file=out, flush=True)

    return report


def supervisor(paths: Paths, environ: Mapping[str, str], out: TextIO) -> Supervisor:
    """The supervisor of the whole one-machine stack. Raises :class:`SetupError`."""
    try:
        parts = layout.stack(paths, environ)
    except PermissionError as error:
        raise SetupError(_not_ours(error)) from None
    except ValueError as error:  # a port that is no number
        raise SetupError(str(error)) from None
    full = layout.process_environ(environ)
    return Supervisor(parts, paths, full, reporter(out), given=environ)


async def foreground(stack: Supervisor, job: Job, *, err: TextIO | None = None) -> int:
    """Start `stack`, do `job`, stop the stack; the job's exit code.

    SIGINT, SIGTERM, or SIGHUP of a closing terminal ends the job and drains the stack in order; a
    second one stops it by force.
    """
    err = err or sys.stderr
    asked: list[signal.Signals] = []
    working = asyncio.ensure_future(_start_and_do(stack, job))

    def interrupt(number: signal.Signals) -> None:
        if asked:
            stack.kill()
        else:
            working.cancel()
        asked.append(number)

    loop = asyncio.get_running_loop()
    numbers = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # not under nohup
        numbers.add(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await working
    except asyncio.CancelledError:
        if not asked:
            raise
        return INTERRUPTED if asked[0] is signal.SIGINT else 0
    except (SetupError, state.AlreadyRunningError) as error:
        print(error, file=err)
        return 1
    except PermissionError as error:
        print(_not_ours(error), file=err)
        return 1
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _start_and_do(stack: Supervisor, job: Job) -> int:
    await stack.start()
    keeping = asyncio.ensure_future(stack.wait())
    doing = asyncio.ensure_future(job())
    try:
        await asyncio.wait({keeping, doing}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            keeping.result()  # ends only by a fault, which is raised here
        return await doing
    finally:
        for task in (keeping, doing):
            task.cancel()
        await asyncio.gather(keeping, doing, return_exceptions=True)
        await stack.stop()


def _not_ours(error: PermissionError) -> str:
    return (
        f"{error.filename} belongs to another user, who ran the stack here before; run it as them, "
        "let them `make clean-data`, or set ECO2_HOME to a folder of your own"
    )


def stay_up(environ: Mapping[str, str], out: TextIO) -> Job:
    """A job that says where the stack is reached and never ends on its own."""

    async def stay() -> int:
        print(welcome(environ), file=out, flush=True)
        await asyncio.Event().wait()
        return 0

    return stay


def welcome(environ: Mapping[str, str]) -> str:
    """What a person wants to know once the stack is up."""
    http, https = port("edge_http", environ), port("edge_https", environ)
    playground = f"  Try it    http://localhost:{http}/ in a browser\n"
    return (
        "\neco2 is up.\n"
        f"{playground if RuntimeSettings().playground_served else ''}"
        f"  Docs      http://localhost:{http}/docs\n"
        f"  API       http://localhost:{http}  https://localhost:{https} (certificate of our own)\n"
        "  Commands  eco2 scan PHOTO; eco2 token prints an access token\n"
        "  State     eco2 status\n"
        "  Stop      Ctrl-C here, or eco2 down\n"
    )


def background(paths: Paths, out: TextIO) -> int:
    """Start a supervisor that outlives this command; returns when its stack is ready or failed."""
    log = paths.log("up")
    log.parent.mkdir(parents=True, exist_ok=True)
    holder = state.Lock(paths.run).holder()
    if holder is not None:
        print(state.AlreadyRunningError(holder), file=sys.stderr)
        return 1
    with log.open("wb") as sink:
        child = subprocess.Popen(
            python.command(paths, "up"),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **python.variables(paths)},
            start_new_session=True,
        )
    with log.open() as lines:
        while True:
            ended = child.poll()
            out.write(lines.read())
            out.flush()
            if ended is not None:
                return ended or 1
            current = state.StackState.read(state.file(paths.run))
            if current and current.pid == child.pid and current.phase == "ready":
                return 0
            time.sleep(0.1)


def down(paths: Paths, out: TextIO, *, within_seconds: float = 120.0) -> int:
    """Ask the supervisor to drain and stop; returns when it has. 0 also when nothing runs."""
    lock = state.Lock(paths.run)
    pid = lock.holder()
    if pid is None:
        print(_sweep(paths), file=out)
        return 0
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        print(f"the stack belongs to another user (supervisor pid {pid})", file=sys.stderr)
        return 1
    deadline = time.monotonic() + within_seconds
    while lock.holder() is not None:
        if time.monotonic() > deadline:
            print(
                f"the supervisor (pid {pid}) has not ended after {within_seconds:.0f} s; see "
                f"{paths.log('up')}, or end it with `kill -9 {pid}`",
                file=sys.stderr,
            )
            return 1
        time.sleep(0.1)
    print("the stack is down", file=out)
    return 0


def _sweep(paths: Paths) -> str:
    """Ask parts without a supervisor to end; what to tell about it."""
    found = state.leftovers(state.StackState.read(state.file(paths.run)))
    for old in found:
        old.terminate()
    if found:
        return f"the supervisor was gone already; asked {len(found)} parts of it to end"
    return "the stack is not up"

"""Starting, watching and stopping the process of a part.

Every child gets a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone
and the parts stop in order; and the kernel's parent-death signal, so that none outlives a
supervisor that was killed. ``setpriv`` (util-linux, on every Debian) sets the latter and drops
root's identity where a part must not run as root; it then becomes the part by exec, so the pid is
the part's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from mesh.local.part import Part, SetupError

LOG_BYTES = 20 * 2**20
"""A log larger than this is put aside (as ``.log.1``) when its part starts."""

PROBE_EVERY_SECONDS = 0.05
PROBE_TIMEOUT_SECONDS = 3.0


class StartError(SetupError):
    """A part ended or stayed unready; the text carries the end of its log."""


def argv(part: Part, *, root: bool) -> list[str]:
    """The command line that is executed for `part`."""
    identity = _identity(part.user) if root else ()
    death = ("--pdeathsig", part.stop_signal.name.removeprefix("SIG"))
    return ["setpriv", *identity, *death, "--", *part.command]


def as_user(user: str | None) -> tuple[str, ...]:
    """Words to put before a command that root runs as `user`; none to keep the identity."""
    return ("setpriv", *_identity(user), "--") if user else ()


def _identity(user: str | None) -> tuple[str, ...]:
    return ("--reuid", user, "--regid", user, "--clear-groups") if user else ()


def spawn(part: Part, log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `part` with its output appended to `log`.

    Call it from a thread that lives as long as the part shall: the parent-death signal follows the
    thread. Raises :class:`StartError` when the program is not there.
    """
    if shutil.which("setpriv") is None:
        raise StartError("setpriv is missing; install the package util-linux")
    if shutil.which(part.command[0]) is None:
        raise StartError(f"{part.name}: {part.command[0]} is missing; run `make setup`")
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            argv(part, root=os.geteuid() == 0),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environ, **part.environ},
            start_new_session=True,
            cwd="/" if part.user else None,
        )


async def exited(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of `process` without polling; its exit code (negative: the signal)."""
    code = process.poll()
    if code is not None:
        return code
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    watch = os.pidfd_open(process.pid)
    loop.add_reader(watch, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(watch)
        os.close(watch)
    return process.wait()


async def wait_ready(part: Part, process: subprocess.Popen[bytes], log: Path) -> float:
    """Probe until `part` is ready; the seconds it took.

    Raises :class:`StartError` when the process ends first or `start_seconds` pass.
    """
    begun = time.monotonic()
    ending = asyncio.ensure_future(exited(process))
    last = "no probe answered"
    try:
        while time.monotonic() - begun < part.start_seconds:
            if ending.done():
                raise StartError(_ended(part, ending.result(), log))
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                    await part.ready()
            except Exception as error:  # whatever the client library raises: not ready yet
                last = f"{type(error).__name__}: {error}"
            else:
                return time.monotonic() - begun
            await asyncio.wait({ending}, timeout=PROBE_EVERY_SECONDS)
    finally:
        ending.cancel()
    raise StartError(
        f"{part.name} is not ready after {part.start_seconds:.0f} s ({last}); "
        f"log {log}\n{tail(log)}"
    )


async def stop(part: Part, process: subprocess.Popen[bytes]) -> bool:
    """End `part` in order, by force after its grace period; True when it ended in order."""
    if process.poll() is not None:
        return True
    try:
        async with asyncio.timeout(part.grace_seconds):
            if part.drain:
                with contextlib.suppress(OSError):
                    await part.drain()
            _signal(process, part.stop_signal)
            await exited(process)
    except TimeoutError:
        kill(process)
        await exited(process)
        return False
    return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the session of `process`, children included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.poll()


def tail(log: Path, lines: int = 15) -> str:
    """The last `lines` lines of a log file, indented; what a person wants to see on failure."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 16_384))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (log is empty)"


def _ended(part: Part, code: int, log: Path) -> str:
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{part.name} ended with {how} before it was ready; log {log}\n{tail(log)}"


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        process.poll()

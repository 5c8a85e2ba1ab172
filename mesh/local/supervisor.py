"""Starts the parts of a stack in dependency order, keeps them running, and drains them in reverse.

Phases: every part waits for what it needs, starts, and counts as ready by its probe → the stack is
ready → parts that end on their own are started again with growing pauses → on request each part is
stopped once nothing that uses it runs any more. A part that never became ready fails the start.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psutil

from mesh.local import external, process, state
from mesh.local.free_ports import taken
from mesh.local.part import Part, SetupError
from mesh.local.paths import Paths
from services.runtime.ports import port

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A part that ran this long is trusted again: its next pause is the first one."""

Report = Callable[[str, str], None]
"""Called with a part's name and what happened to it."""


def pause(restarts_in_a_row: int) -> float:
    """Seconds before restart number `restarts_in_a_row` (from 1): doubling, bounded."""
    doubled: float = FIRST_PAUSE_SECONDS * 2 ** min(restarts_in_a_row - 1, 10)
    return min(LONGEST_PAUSE_SECONDS, doubled)


def stop_order(parts: Sequence[Part]) -> dict[str, set[str]]:
    """For each part the parts that must have ended before it is stopped; raises on a cycle."""
    names = {part.name for part in parts}
    users: dict[str, set[str]] = {name: set() for name in names}
    for part in parts:
        for needed in (*part.after, *part.drains_before):
            if needed in names:
                users[needed].add(part.name)
    left = dict(users)
    while left:
        free = [name for name, waiting in left.items() if not waiting & left.keys()]
        if not free:
            raise ValueError(f"parts wait for one another: {', '.join(sorted(left))}")
        for name in free:
            del left[name]
    return users


@dataclass
class _Run:
    """One part at run time."""

    part: Part
    status: state.PartStatus
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    child: subprocess.Popen[bytes] | None = None
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Runs one stack. Use: ``start()``, then ``wait()`` until something asks to end, ``stop()``."""

    def __init__(
        self,
        parts: Sequence[Part],
        paths: Paths,
        environ: Mapping[str, str],
        report: Report,
        *,
        given: Mapping[str, str] | None = None,
    ) -> None:
        """`environ` is what the parts get; `given` what the user set to replace some of them."""
        self._users = stop_order(parts)
        self._environ = dict(environ)
        self._paths = paths
        self._report = report
        self._lock = state.Lock(paths.run)
        self._file = state.file(paths.run)
        self.state = state.StackState.new()
        self._given = dict(given or {})
        replaced = external.replaced(self._given)
        self.state.replaced = {part: external.masked(url) for part, url in replaced.items()}
        self._runs: dict[str, _Run] = {}
        for part in parts:
            numbers = {name: port(name, environ) for name in part.ports}
            status = state.PartStatus(ports=numbers, user=part.user, since=time.time())
            self._runs[part.name] = _Run(part, status)
            self.state.parts[part.name] = status
        self._stopping = False

    async def start(self) -> None:
        """Bring every part up; returns when all are ready.

        Raises :class:`~mesh.local.state.AlreadyRunningError` when the stack is up already, and
        :class:`SetupError` when a port is taken or a part does not come up; everything that was
        started is stopped again by then.
        """
        self._lock.acquire()
        try:
            await external.require(self._given)
            await self._end_leftovers()
            wanted = [run.status.ports for run in self._runs.values()]
            busy = taken({name: number for ports in wanted for name, number in ports.items()})
            if busy:
                raise SetupError("\n".join(busy))
            self._write("starting")
            for run in self._runs.values():
                run.keeper = asyncio.create_task(self._keep(run), name=run.part.name)
            await self._all_ready()
            self._write("ready")
        except BaseException as error:
            interrupted = isinstance(error, asyncio.CancelledError)
            await self.stop(failure="" if interrupted else str(error) or repr(error))
            raise

    async def wait(self) -> None:
        """Run until cancelled; raises what ended a part's keeper, which is a fault in here."""
        await asyncio.gather(*(run.keeper for run in self._runs.values() if run.keeper))
        await asyncio.Event().wait()

    async def stop(self, *, failure: str = "") -> None:
        """Drain and stop every part, users before what they use; gives the lock back."""
        self._stopping = True
        self._write("stopping", failure)
        try:
            await asyncio.gather(*(self._end(run) for run in self._runs.values()))
        except BaseException:
            self.kill()
            raise
        finally:
            self._write("failed" if failure else "stopped", failure)
            self._lock.release()

    def kill(self) -> None:
        """Stop every part by force, at once."""
        self._stopping = True
        for run in self._runs.values():
            if run.child and run.child.poll() is None:
                process.kill(run.child)

    async def _keep(self, run: _Run) -> None:
        """Start one part when its needs are ready, and again whenever it ends on its own."""
        needs = [self._runs[name].ready for name in run.part.after if name in self._runs]
        for need in needs:
            await need.wait()
        in_a_row = 0
        while True:
            begun = time.monotonic()
            try:
                code = await self._once(run)
            except SetupError as error:
                if not run.ready.is_set():
                    raise
                ending = str(error).splitlines()[0]
            else:
                if run.part.one_off and code == 0:
                    return
                ending = f"ended with code {code}"
            in_a_row = 1 if time.monotonic() - begun > STEADY_SECONDS else in_a_row + 1
            run.status.restarts += 1
            self._move(run, "restarting", f"{ending}; again in {pause(in_a_row):.1f} s")
            await asyncio.sleep(pause(in_a_row))

    async def _once(self, run: _Run) -> int:
        """One life of a part; its exit code."""
        part, log = run.part, self._paths.log(run.part.name)
        if part.prepare:
            await asyncio.to_thread(part.prepare)
        run.child = child = process.spawn(part, log, self._environ)
        run.status.pid = child.pid
        run.status.created = _create_time(child.pid)
        self._move(run, "starting", f"pid {child.pid}")
        if part.one_off:
            begun = time.monotonic()
            code = await process.exited(child)
            run.status.pid = None
            if code != 0:
                text = f"{part.name} ended with code {code}; log {log}\n{process.tail(log)}"
                raise process.StartError(text)
            self._move(run, "done", f"{time.monotonic() - begun:.1f} s")
            run.ready.set()
            return code
        try:
            seconds = await process.wait_ready(part, child, log)
        except SetupError:
            await process.stop(part, child)
            raise
        self._move(run, "ready", f"{seconds:.1f} s")
        run.ready.set()
        code = await process.exited(child)
        process.kill(child)  # what its end left behind in its session
        run.status.pid = None
        return code

    async def _end(self, run: _Run) -> None:
        for name in self._users[run.part.name]:
            await self._runs[name].ended.wait()
        if run.keeper:
            run.keeper.cancel()
            await asyncio.gather(run.keeper, return_exceptions=True)
        if run.child and run.child.poll() is None:
            self._move(run, "stopping", "")
            in_order = await process.stop(run.part, run.child)
            how = "" if in_order else f"by force after {run.part.grace_seconds:.0f} s"
            self._move(run, "stopped", how)
        run.status.pid = None
        run.status.state = "stopped"
        run.ended.set()

    async def _all_ready(self) -> None:
        """Wait for every part; raises the first failure."""
        everything = asyncio.create_task(self._each_ready())
        waiting = {everything, *(run.keeper for run in self._runs.values() if run.keeper)}
        try:
            while not everything.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            everything.cancel()

    async def _each_ready(self) -> None:
        for run in self._runs.values():
            await run.ready.wait()

    async def _end_leftovers(self) -> None:
        """End parts that a supervisor left behind when it was killed."""
        found = state.leftovers(state.StackState.read(self._file))
        for old in found:
            self._report(old.name(), f"left over from an earlier run, pid {old.pid}: stopping")
            old.terminate()
        _, alive = await asyncio.to_thread(psutil.wait_procs, found, 10)
        for old in alive:
            old.kill()

    def _move(self, run: _Run, to: state.PartState, detail: str) -> None:
        run.status.state = to
        run.status.since = time.time()
        self._report(run.part.name, f"{to} ({detail})" if detail else to)
        self.state.write(self._file)

    def _write(self, phase: state.Phase, message: str = "") -> None:
        if self.state.phase != phase:
            self.state.since = time.time()
        self.state.phase = phase
        self.state.message = message
        self.state.write(self._file)


def _create_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0

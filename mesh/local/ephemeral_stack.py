"""The whole stack on free ports with throw-away data, under a supervisor, for tests and benchmarks.

It is the stack of ``eco2 up``: same parts, same supervisor (a killed part comes back), other ports
and folders.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psutil

from mesh.local import layout
from mesh.local.ephemeral import clean_environ, temporary_home
from mesh.local.free_ports import PortBlock
from mesh.local.parts import python
from mesh.local.paths import Paths
from mesh.local.process import tail
from mesh.local.state import PartStatus
from mesh.local.supervisor import Supervisor
from services.runtime.ports import HOST, port


class EphemeralStack:
    """Use as a context manager; entering starts everything and returns when all is ready."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """`variables` are added to the environment of every process."""
        self._block = PortBlock()
        self.paths = Paths(home=temporary_home("eco2-stack-"))
        given = {
            **clean_environ(os.environ),
            **self._block.table(),
            "ECO2_PROFILE": "test",
            "ECO2_DRAIN_SECONDS": "5",  # a stream that a failed test left open must not hold it up
            "ECO2_HOME": str(self.paths.home),
            **(variables or {}),
        }
        self.environ = layout.process_environ(given)
        """Variables that point any process of ours at this stack."""

        self.log: list[str] = []
        """What the supervisor reported, a line a transition."""

        parts = layout.stack(self.paths, given, fsync=False)
        self.supervisor = Supervisor(parts, self.paths, self.environ, self._report)
        self._tokens: dict[str, str] = {}
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="stack", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @property
    def base_url(self) -> str:
        """The edge over http."""
        return f"http://{HOST}:{port('edge_http', self.environ)}"

    @property
    def https_url(self) -> str:
        """The edge over https; the certificate (for localhost) is in ``paths.tls``."""
        return f"https://localhost:{port('edge_https', self.environ)}"

    def port(self, name: str) -> int:
        """The port called `name` in this stack."""
        return port(name, self.environ)

    def token(self, user: str = "tester") -> str:
        """Access token of a real session of `user`; the account is made on first use."""
        if user not in self._tokens:
            printed = self.eco2("token", "--user", user, "--json")
            self._tokens[user] = str(json.loads(printed)["access_token"])
        return self._tokens[user]

    def eco2(self, *words: str) -> str:
        """Run the ``eco2`` command on this stack; its output. CalledProcessError when it fails."""
        done = subprocess.run(
            python.command(self.paths, *words),
            env={**self.environ, **python.variables(self.paths)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    def status(self, part: str) -> PartStatus:
        """The supervisor's live view of a part."""
        return self.supervisor.state.parts[part]

    def pid(self, part: str) -> int:
        """Process id of a part that runs."""
        found = self.status(part).pid
        if found is None:
            raise LookupError(f"{part} does not run: {self.status(part).state}")
        return found

    def kill(self, part: str) -> int:
        """SIGKILL a part; its old pid. The supervisor starts it again."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """A part that hangs: it keeps its connections and answers nothing."""
        process = psutil.Process(self.pid(part))
        family = [process, *process.children(recursive=True)]
        for member in family:
            member.suspend()
        try:
            yield
        finally:
            for member in family:
                member.resume()

    def log_tail(self, part: str, lines: int = 40) -> str:
        """The end of a part's log."""
        return tail(self.paths.log(part), lines)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._started.result()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drain and stop everything, and remove the data."""
        if self._loop and self._end:
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._block.close()
        shutil.rmtree(self.paths.home, ignore_errors=True)

    def _run(self) -> None:
        # All parts are started from this thread: their parent-death signal follows it.
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if self._started.done():
                raise
            self._loop = None
            self._started.set_exception(error)

    async def _live(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        starting = asyncio.ensure_future(self.supervisor.start())
        ending = asyncio.ensure_future(self._end.wait())
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        await starting
        self._started.set_result(None)
        await ending
        await self.supervisor.stop()

    def _report(self, part: str, what: str) -> None:
        self.log.append(f"{part} {what}")

"""Infrastructure parts on free ports with throw-away data, for tests and benchmarks.

Each part starts when it is first asked for and stops when the object is closed, in reverse order.
If the process dies without closing it, the parts get the kernel's parent-death signal. The whole
stack in the same manner is :mod:`mesh.local.ephemeral_stack`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mesh.local import process
from mesh.local.free_ports import PortBlock
from mesh.local.part import Part
from mesh.local.parts import kafka, postgres, redis, s3proxy
from mesh.local.paths import Paths
from services.runtime.ports import HOST, env_name
from services.runtime.settings import RuntimeSettings

T = TypeVar("T")


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what would point a throw-away stack at a person's own parts or model."""
    ours = ("ECO2_", "OPENAI_", "AWS_")
    return {name: value for name, value in environ.items() if not name.startswith(ours)}


def temporary_home(prefix: str) -> Path:
    """A new folder for data and logs that PostgreSQL's user may enter."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o755)
    return home


class EphemeralParts:
    """PostgreSQL, Redis, Kafka and S3Proxy of one test session."""

    def __init__(self) -> None:
        self._block = PortBlock()
        self._environ = self._block.table()
        self.paths = Paths(home=temporary_home("eco2-parts-"))
        self._running: dict[str, tuple[Part, subprocess.Popen[bytes]]] = {}
        self._databases: set[str] = set()
        # The parts' parent-death signal follows the thread that started them: one that stays.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="parts")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def port(self, name: str) -> int:
        """The port called `name` in this session."""
        return int(self._environ[env_name(name)])

    @property
    def environ(self) -> dict[str, str]:
        """``ECO2_*`` variables that point our processes at these parts and at free ports."""
        return {
            **self._environ,
            "ECO2_PROFILE": "test",
            "ECO2_HOME": str(self.paths.home),
            "ECO2_S3_ENDPOINT": f"http://{HOST}:{self.port('s3')}",
            "ECO2_S3_ACCESS_KEY": s3proxy.ACCESS_KEY,
            "ECO2_S3_SECRET_KEY": s3proxy.SECRET_KEY,
        }

    def postgres_url(self, database: str = postgres.DATABASE) -> str:
        """URL, superuser included, of `database`, which is created empty on the first call."""
        password = RuntimeSettings().postgres_password.get_secret_value()
        self._started(
            "postgres",
            lambda: postgres.part(self.paths, self.port("postgres"), password, fsync=False),
        )
        server = f"postgresql://{postgres.ADMIN_USER}:{password}@{HOST}:{self.port('postgres')}"
        if database != postgres.DATABASE and database not in self._databases:
            self._run(postgres.create_database(server, database))
            self._databases.add(database)
        return f"{server}/{database}"

    @property
    def redis_url(self) -> str:
        """URL of Redis' database 0."""
        self._started("redis", lambda: redis.part(self.paths, self.port("redis")))
        return f"redis://{HOST}:{self.port('redis')}/0"

    @property
    def kafka_bootstrap(self) -> str:
        """``host:port`` of the broker."""
        port, controller = self.port("kafka"), self.port("kafka_controller")
        self._started("kafka", lambda: kafka.part(self.paths, port, controller))
        return f"{HOST}:{port}"

    @property
    def s3_endpoint(self) -> str:
        """URL of the S3 API; bucket ``eco2-images``, keys as in :mod:`mesh.local.parts.s3proxy`."""
        port, origins = self.port("s3"), RuntimeSettings().cors_origins
        self._started("s3proxy", lambda: s3proxy.part(self.paths, port, origins=origins))
        return f"http://{HOST}:{port}"

    def pid(self, part: str) -> int:
        """Process id of a part that is running; for tests that kill it."""
        return self._running[part][1].pid

    def restart(self, part: str) -> None:
        """Kill a running part (SIGKILL) and start it again on its data and ports.

        Blocks until it is ready: call it with :func:`asyncio.to_thread` beside a running loop.
        """
        again, child = self._running.pop(part)
        process.kill(child)
        child.wait()
        self._running[part] = self._starter.submit(self._start, again).result()

    def close(self) -> None:
        """Stop what runs, last started first, and remove the data."""
        try:
            while self._running:
                _, (part, child) = self._running.popitem()
                self._run(process.stop(part, child))
        finally:
            self._starter.shutdown()
            self._block.close()
            shutil.rmtree(self.paths.home, ignore_errors=True)

    def _started(self, name: str, make: Callable[[], Part]) -> None:
        if name not in self._running:
            self._running[name] = self._starter.submit(self._start, make()).result()

    def _start(self, part: Part) -> tuple[Part, subprocess.Popen[bytes]]:
        if part.prepare:
            part.prepare()
        log = self.paths.log(part.name)
        child = process.spawn(part, log, clean_environ(os.environ))
        try:
            asyncio.run(process.wait_ready(part, child, log))
        except BaseException:
            process.kill(child)
            child.wait()
            raise
        return part, child

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end, also when the caller's thread has a running loop."""
        return self._starter.submit(asyncio.run, work).result()

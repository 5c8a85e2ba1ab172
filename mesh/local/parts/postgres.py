"""PostgreSQL, from the Debian packages, in a data folder of its own.

It listens on loopback, and for our own processes on a Unix socket in its data folder; passwords go
by SCRAM on both. The Debian cluster on port 5432, if there is one, is not touched.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote, urlencode

import asyncpg

from mesh.local import process, sockets
from mesh.local.part import Part, Probe, SetupError
from mesh.local.paths import Paths
from services.runtime.ports import HOST

ADMIN_USER = "eco2_admin"
DATABASE = "eco2"
INSTALLED = Path("/usr/lib/postgresql")
SYSTEM_USERS = ("postgres", "nobody")
SETTINGS = {
    # One machine, small data: few connections' worth of memory, commits that reach the disk.
    # Buffers are taken up as data fill them; 100,000 places have 150 MB with their indices.
    "shared_buffers": "256MB",
    "max_connections": "150",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "30s",
    "log_min_duration_statement": "500ms",
    "listen_addresses": HOST,
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def installed_versions(base: Path = INSTALLED) -> list[int]:
    """Major versions whose server is installed, oldest first."""
    servers = base.glob("*/bin/postgres")
    return sorted(int(path.parts[-3]) for path in servers if path.parts[-3].isdecimal())


def choose_version(installed: Iterable[int], data_version: int | None) -> int:
    """The server version to run: that of the data, else the newest.

    Raises :class:`SetupError` when none is installed or the data need another one.
    """
    versions = sorted(installed)
    if not versions:
        raise SetupError("PostgreSQL is not installed; run `make setup`")
    if data_version is None:
        return versions[-1]
    if data_version not in versions:
        have = ", ".join(map(str, versions))
        raise SetupError(
            f"the PostgreSQL data are of version {data_version}, installed is {have}; install "
            f"postgresql-{data_version}, or remove the data with `make clean-data`"
        )
    return data_version


def system_user() -> str | None:
    """The unprivileged user the server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in SYSTEM_USERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise SetupError("no unprivileged user for PostgreSQL; create one called postgres")


def data_folder(paths: Paths, user: str | None) -> Path:
    """Where the data go: under the stack's home, unless `user` cannot get there.

    A checkout below a folder closed to others (``/root``) is out of the server's reach when it runs
    as another user; its data then go to ``/var/lib/eco2``, in a folder named after the stack's.
    """
    wanted = paths.data("postgres")
    if user is None or all(_open_to_others(folder) for folder in wanted.parents):
        return wanted
    name = hashlib.sha256(str(paths.home).encode()).hexdigest()[:12]
    return Path("/var/lib/eco2") / name / "postgres"


def _open_to_others(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & 0o001)
    except FileNotFoundError:
        return True  # made later, by us, open


def socket_path(data: Path, port: int) -> Path:
    """The Unix socket of the server on `port`, by PostgreSQL's naming."""
    return data / f".s.PGSQL.{port}"


def near_url(paths: Paths, port: int) -> str | None:
    """URL of the database through the Unix socket; None where there can be none.

    A short statement takes 30 µs of the client's CPU and 20 of the server's through it, over TCP
    54 and 45.
    """
    data = data_folder(paths, system_user())
    if not sockets.usable(socket_path(data, port)):
        return None
    return f"postgresql:///{DATABASE}?{urlencode({'host': str(data), 'port': port})}"


def part(paths: Paths, port: int, password: str, *, fsync: bool = True) -> Part:
    """PostgreSQL on `port` with the superuser ``eco2_admin`` and the database ``eco2``.

    `fsync` off is for tests: a crash of the machine may lose their data. What was committed still
    survives a crash of the server, which tests rely on (`synchronous_commit` stays on).
    """
    user = system_user()
    data = data_folder(paths, user)
    binaries = INSTALLED / str(choose_version(installed_versions(), data_version(data))) / "bin"
    socket = socket_path(data, port)
    options = {
        **SETTINGS,
        "port": str(port),
        "fsync": "on" if fsync else "off",
        "unix_socket_directories": str(data) if sockets.usable(socket) else "",
    }
    if not fsync:
        options["full_page_writes"] = "off"
    arguments = [item for key, value in options.items() for item in ("-c", f"{key}={value}")]
    return Part(
        name="postgres",
        command=(str(binaries / "postgres"), "-D", str(data), *arguments),
        ports=("postgres",),
        environ={"LC_ALL": "C.UTF-8"},
        user=user,
        prepare=_initialise(binaries, data, user, password),
        ready=_ready(port, password),
        # Fast shutdown: ends the sessions, finishes with a checkpoint. SIGTERM would wait for them.
        stop_signal=signal.SIGINT,
        grace_seconds=20,
    )


def data_version(data: Path) -> int | None:
    """Major version that wrote the data folder; None when there are no data yet."""
    try:
        return int((data / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        return None


def _initialise(binaries: Path, data: Path, user: str | None, password: str) -> Callable[[], None]:
    def initialise() -> None:
        if data_version(data) is not None:
            return
        # Into a folder beside it, renamed when complete: a half-made one is never taken for data.
        data.parent.mkdir(parents=True, exist_ok=True)
        unfinished = data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        secret = unfinished.with_name("postgres.password")
        secret.touch(mode=0o600)
        secret.write_text(password)
        if user is not None:
            shutil.chown(unfinished, user, user)
            shutil.chown(secret, user, user)
        try:
            done = subprocess.run(
                [
                    *process.as_user(user),
                    str(binaries / "initdb"), "--pgdata", str(unfinished),
                    "--username", ADMIN_USER, "--pwfile", str(secret), "--auth", "scram-sha-256",
                    "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions",
                ],
                cwd="/", capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            secret.unlink()
        if done.returncode != 0:
            raise SetupError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        if data.exists():  # empty or without PG_VERSION: not a cluster
            shutil.rmtree(data)
        unfinished.rename(data)

    return initialise


def _ready(port: int, password: str) -> Probe:
    async def ready() -> None:
        """The database answers a query; created here the first time the server is up."""
        server = {"host": HOST, "port": port, "user": ADMIN_USER, "password": password}
        try:
            connection = await asyncpg.connect(**server, database=DATABASE, timeout=2)
        except asyncpg.InvalidCatalogNameError:
            await create_database(f"postgresql://{ADMIN_USER}:{quote(password)}@{HOST}:{port}")
            connection = await asyncpg.connect(**server, database=DATABASE, timeout=2)
        try:
            await connection.fetchval("SELECT 1")
        finally:
            await connection.close()

    return ready


async def create_database(server_url: str, name: str = DATABASE) -> None:
    """Create the database `name` on the server; no error when it is there."""
    connection = await asyncpg.connect(f"{server_url}/postgres", timeout=2)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    except asyncpg.DuplicateDatabaseError:
        return
    finally:
        await connection.close()

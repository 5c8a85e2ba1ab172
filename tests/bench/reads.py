"""What the app's reads cost: wrk → real Envoy → ext-authz → the servers → PostgreSQL and Redis.

The whole stack of ``eco2 up`` runs on free ports; its users ask for their profile, their
characters, places around, news and their chats, in turn, each with a cookie of their own. Then the
same mix comes at a constant rate (:mod:`tests.bench.open_loop`).

    make bench-reads                               # every read, mixed: 2 minutes
    make bench-reads BENCH_ARGS="--reads me --each"  # one of them; --each: every read alone as well

CPU is what the kernel charged each process (user + system), divided by the requests. The load runs
on the same cores and is shown as well.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from mesh.local.ephemeral_stack import EphemeralStack
from tests import sample
from tests.bench import machine, open_loop, wrk
from tests.bench.scan_usage import Meter, Sample
from tests.bench.wrk import Target

READS: Final = {
    "me": "/api/v1/users/me",
    "characters": "/api/v1/users/me/characters",
    "centers": "/api/v1/locations/centers?lat=37.5665&lon=126.978&zoom=13&store_category=all",
    "news": "/api/v1/info/news?limit=10",
    "chats": "/api/v1/chat?limit=20",
    "catalog": "/api/v1/character/catalog",
}
"""What may be asked for; the last one is no part of the mix."""

MIX: Final = ("me", "characters", "centers", "news", "chats")
USERS: Final = 50
CHATS: Final = 5
"""Of every user."""

ARTICLES: Final = 40
CONNECTIONS: Final = 64
RATE: Final = 500
LEAST_PER_SECOND: Final = 1500.0
MOST_P99_MS: Final = 25.0
SHOWN: Final = ("servers", "authz", "envoy", "postgres", "redis")
"""Processes whose CPU is shown; the others do nothing for a read."""

VARIABLES: Final = {"ECO2_LOG_LEVEL": "WARNING", "ECO2_CHAT_CREATES_PER_MINUTE": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    reads: Sequence[str]
    seconds: float
    each: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One run of a mix."""

    name: str
    per_second: float
    errors: int
    p50_ms: float
    p99_ms: float
    bytes_each: float
    cpu_us: dict[str, float]
    """CPU per request by group of processes."""


async def measure(stack: EphemeralStack, options: Options, folder: Path) -> list[Row]:
    """Run every load."""
    cookies = await asyncio.to_thread(_cookies, stack)
    await _fill(stack, cookies)
    paths = {name: READS[name] for name in options.reads}
    await _all_answer(stack, list(paths.values()), cookies[0])
    mixed = _targets(list(paths.values()), cookies)
    bench = _Bench(stack, folder, Meter(stack, {}), options.seconds)
    await bench.flat_out("warm-up", mixed)
    rows: list[Row] = []
    if options.each:
        for name, path in paths.items():
            rows.append(await bench.flat_out(name, _targets([path], cookies)))
    rows.append(await bench.flat_out("mixed", mixed))
    rows.append(await bench.constant(f"mixed, constant {RATE}/s", mixed))
    return rows


def _cookies(stack: EphemeralStack) -> list[str]:
    printed = stack.eco2("token", "--user", "reader", "--count", str(USERS))
    return [f"s_refresh=x; s_access={token}" for token in printed.split()]


async def _fill(stack: EphemeralStack, cookies: Sequence[str]) -> None:
    """Chats, news and places to read."""
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as client:
        for cookie in cookies:
            for number in range(CHATS):
                made = await client.post(
                    "/api/v1/chat", json={"title": f"대화 {number}"}, headers={"cookie": cookie}
                )
                made.raise_for_status()
    await sample.news(stack, ARTICLES)
    with suppress(subprocess.CalledProcessError):  # without places, `centers` can't be measured
        await asyncio.to_thread(stack.eco2, "seed")


def _targets(paths: Sequence[str], cookies: Sequence[str]) -> list[Target]:
    """Every user asks for everything; neighbours ask for different things."""
    return [
        Target(paths[(number + at) % len(paths)], cookie)
        for at in range(len(paths))
        for number, cookie in enumerate(cookies)
    ]


async def _all_answer(stack: EphemeralStack, paths: Sequence[str], cookie: str) -> None:
    """Raise unless every path is served: a fast 404 is no figure."""
    async with httpx.AsyncClient(base_url=stack.base_url, headers={"cookie": cookie}) as client:
        for path in paths:
            (await client.get(path)).raise_for_status()


class _Bench:
    def __init__(self, stack: EphemeralStack, folder: Path, meter: Meter, seconds: float) -> None:
        self._stack = stack
        self._folder = folder
        self._meter = meter
        self._seconds = seconds

    async def flat_out(self, name: str, targets: Sequence[Target]) -> Row:
        """As many as are answered over 64 connections."""
        before, load = self._meter.read(), _own_cpu()
        run = await wrk.run(
            self._stack.base_url,
            self._folder,
            targets,
            connections=CONNECTIONS,
            seconds=self._seconds,
        )
        cpu = _cpu_us(before, self._meter.read(), _own_cpu() - load, run.requests)
        return Row(name, run.per_second, run.errors, run.p50_ms, run.p99_ms, run.bytes_each, cpu)

    async def constant(self, name: str, targets: Sequence[Target]) -> Row:
        """At a constant rate, whatever the answers do."""
        url = urlsplit(self._stack.base_url)
        before, load = self._meter.read(), _own_cpu()
        answers = await asyncio.to_thread(
            open_loop.run,
            *(url.hostname or "", url.port or 80, targets, RATE, CONNECTIONS, self._seconds),
        )
        took = sorted(1000 * each for each in answers.seconds)
        cpu = _cpu_us(before, self._meter.read(), _own_cpu() - load, len(took))
        median, late = took[len(took) // 2], took[int(len(took) * 0.99)]
        return Row(name, len(took) / self._seconds, answers.bad, median, late, 0.0, cpu)


def _own_cpu() -> float:
    """Seconds of CPU of this process and of the load generators that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _cpu_us(
    before: dict[str, Sample], after: dict[str, Sample], load: float, requests: int
) -> dict[str, float]:
    spent = {group: after[group].cpu_seconds - before[group].cpu_seconds for group in SHOWN}
    return {group: seconds * 1e6 / requests for group, seconds in {**spent, "load": load}.items()}


def show(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    groups = [*SHOWN, "load"]
    head = f"{'':<24}{'1/s':>7}{'errors':>7}{'p50 ms':>8}{'p99 ms':>8}{'bytes':>7}  CPU µs:"
    lines = [head + "".join(f"{group:>9}" for group in groups)]
    lines += [
        f"{row.name:<24}{row.per_second:>7.0f}{row.errors:>7}{row.p50_ms:>8.1f}"
        f"{row.p99_ms:>8.1f}{row.bytes_each:>7.0f}{'':>9}"
        + "".join(f"{row.cpu_us[group]:>9.0f}" for group in groups)
        for row in rows
    ]
    return "\n".join(lines)


def missed(rows: Sequence[Row]) -> list[str]:
    """The bars that the mixed rows miss."""
    flat_out, constant = rows[-2:]
    found = [f"{row.name}: {row.errors} errors" for row in rows if row.errors]
    if flat_out.per_second < LEAST_PER_SECOND:
        found.append(f"{flat_out.per_second:.0f} < {LEAST_PER_SECOND:.0f} requests/s")
    if constant.p99_ms > MOST_P99_MS:
        found.append(f"p99 at {RATE}/s: {constant.p99_ms:.1f} > {MOST_P99_MS:g} ms")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and run; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="tests.bench.reads", description="What reads cost.")
    parser.add_argument("--reads", nargs="+", choices=list(READS), default=list(MIX))
    parser.add_argument("--seconds", type=float, default=8.0, help="of every run (8)")
    parser.add_argument("--each", action="store_true", help="every read alone as well")
    options = Options(**vars(parser.parse_args(arguments)))
    if shutil.which("wrk") is None:
        print("wrk is not installed; `apt-get install wrk`", file=sys.stderr)
        return 2
    print(machine.state(), flush=True)
    with EphemeralStack(VARIABLES) as stack, tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure(stack, options, Path(folder)))
    print(show(rows))
    print(machine.state())
    found = missed(rows)
    print("\n".join(f"missed: {what}" for what in found) or "every bar is held")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())

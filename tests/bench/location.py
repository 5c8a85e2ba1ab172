"""How long it takes to find the nearest of many places, and to import them.

    make bench-location                                   # 100,000 places, 100 requests/s
    make bench-location BENCH_ARGS="--places 10000 --seconds 5"

Real PostgreSQL; the location service as a process of its own, and the domain's own kind of pool.
The places are made up and imported as two files, as ``eco2 import-places`` does it: that is timed
from opening the first file to the end of the second commit, and writing the files is not. Questions
lie around the places; half of them are filtered by one to three categories of places, of things
taken or (a fifth of those) of both, and all want the nearest 200 within 50 km.

Before anything is measured, the tables are vacuumed, as autovacuum does it within a minute, and
questions are asked for a while, so that connections are open and statements prepared. Answers are
taken as bytes and read once all are there: the load generator shares the two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import grpc.aio
import psutil
import uvloop
from eco2.location.v1 import location_service_pb2 as pb

from mesh.local import sample_places
from mesh.local.ephemeral import EphemeralParts
from services.cli.place_import import PlaceImport, Report
from services.location.categories import PICKUPS, STORES
from services.location.geo import Point
from services.location.place import KECO, ZEROWASTE
from services.location.sources.csv_records import UTF8
from services.location.store import PlaceStore
from services.runtime import database
from services.runtime.migrations import migrate
from services.runtime.settings import RuntimeSettings
from tests.bench import machine
from tests.bench.scan_service import Meter
from tests.bench.served import at_rate, served

RATE: Final = 100
SQL_P99_MS: Final = 5.0
RPC_P99_MS: Final = 12.0
IMPORT_SECONDS: Final = 20.0
WARM_UP: Final = 200
"""Questions before those that are measured."""
RADIUS_M: Final = 50_000
LIMIT: Final = 200

Question = tuple[Point, tuple[str, ...], tuple[str, ...]]
"""Where, and which categories of places and of what they take."""


def questions(count: int) -> list[Question]:
    """The same ones every time."""
    chance = random.Random(11)
    cities = [(37.567976, 127.009341), (37.42, 127.1265), (35.1631, 129.1635), (36.3622, 127.3564)]
    found: list[Question] = []
    for _ in range(count):
        latitude, longitude = chance.choice(cities)
        where = Point(latitude + chance.gauss(0, 0.03), longitude + chance.gauss(0, 0.03))
        kind = chance.random()
        stores = tuple(chance.sample(STORES, chance.randint(1, 3))) if kind < 0.3 else ()
        pickups = tuple(chance.sample(PICKUPS, chance.randint(1, 3))) if 0.2 < kind < 0.5 else ()
        found.append((where, stores, pickups))
    return found


def written(folder: Path, count: int) -> list[tuple[str, Path, int]]:
    """Files of so many places: source, where, and how many."""
    files = []
    for source, share in ((KECO, count // 2), (ZEROWASTE, count - count // 2)):
        path = folder / f"{source}.csv"
        sample_places.write(path, sample_places.rows(source, share))
        files.append((source, path, share))
    return files


async def bring(target: str, count: int, cpu: Callable[[], Mapping[str, float]]) -> float:
    """Import so many places; seconds without the writing of the files."""
    with tempfile.TemporaryDirectory() as folder, Report(Path(folder) / "report.csv") as report:
        files = written(Path(folder), count)
        began, before = time.perf_counter(), cpu()
        for source, path, share in files:
            work = PlaceImport(
                path=path,
                source=source,
                encoding=UTF8,
                report=report,
                most_rejects=0,
                most_places=share,
            )
            await work.run(target)
            now = cpu()
            used = ", ".join(f"{name} {now[name] - before[name]:.1f}" for name in now)
            took = time.perf_counter() - began
            print(f"{'':4}{source:10} after {took:5.1f} s; CPU so far: {used} s", flush=True)
        return took


def _with_children(pid: int) -> float:
    """Seconds of CPU that a process and its children have used, those that ended included."""
    process = psutil.Process(pid)
    times = [process.cpu_times(), *(child.cpu_times() for child in process.children())]
    return sum(sum(each[:2]) for each in times) + sum(times[0][2:4])


def told(name: str, milliseconds: Sequence[float], bar_ms: float) -> bool:
    """Print a line; whether the bar is met."""
    quantiles = statistics.quantiles(milliseconds, n=100)
    print(
        f"{name:22} {len(milliseconds):6}   p50 {quantiles[49]:5.1f}   p95 {quantiles[94]:5.1f}"
        f"   p99 {quantiles[98]:5.1f} ms (bar {bar_ms:g})"
    )
    return quantiles[98] <= bar_ms


async def measure(places: int, seconds: float) -> bool:
    """Start what is needed, import, ask; whether all bars are met."""
    with EphemeralParts() as parts:
        url = parts.postgres_url()
        environ = dict(parts.environ)
        os.environ.update(environ)
        await migrate(RuntimeSettings())
        async with served("location", environ) as (channel, pid):

            def cpu() -> dict[str, float]:
                return {
                    "command": time.process_time(),
                    "service": _with_children(pid),
                    "PostgreSQL": _with_children(parts.pid("postgres")),
                }

            took = await bring(f"127.0.0.1:{environ['ECO2_PORT_LOCATION']}", places, cpu)
            print(f"{places:,} places imported in {took:.1f} s (bar {IMPORT_SECONDS:g})")
            good = took <= IMPORT_SECONDS
            await _vacuum(url)
            asked = questions(int(RATE * seconds))
            pool = await database.connect_pool(RuntimeSettings(), "location")
            good &= told("nearest in SQL", await _in_sql(PlaceStore(pool), asked), SQL_P99_MS)
            await pool.close()
            good &= await _through_the_rpc(channel, pid, asked)
        return good


async def _vacuum(url: str) -> None:
    connection = await asyncpg.connect(url)
    for table in ("places", "filed_places"):
        await connection.execute(f"VACUUM ANALYZE location.{table}")
    await connection.close()


async def _through_the_rpc(channel: grpc.aio.Channel, pid: int, asked: Sequence[Question]) -> bool:
    untyped: Any = channel  # its stub demands serializers
    call = untyped.unary_unary("/eco2.location.v1.LocationService/SearchNearby")
    requests = [_request(*question) for question in asked]
    answers: list[bytes] = []

    async def ask(request: bytes) -> None:
        answers.append(await call(request))

    await at_rate(ask, requests[:WARM_UP], RATE)
    answers.clear()
    gc.collect()
    gc.freeze()  # of the load generator
    meter = Meter({"location": pid})
    before = meter.read()["location"]
    good = told("through the RPC", await at_rate(ask, requests, RATE), RPC_P99_MS)
    cpu = (meter.read()["location"] - before) / len(asked)
    places = sum(len(pb.SearchNearbyResponse.FromString(answer).places) for answer in answers)
    print(
        f"{'':22} {cpu * 1e6:6.0f} µs CPU of the service a request, "
        f"{places / len(answers):.0f} places in {sum(map(len, answers)) / len(answers):,.0f} bytes"
    )
    return good


def _request(where: Point, stores: Sequence[str], pickups: Sequence[str]) -> bytes:
    return pb.SearchNearbyRequest(
        latitude=where.latitude,
        longitude=where.longitude,
        radius_m=RADIUS_M,
        limit=LIMIT,
        store_categories=stores,
        pickup_categories=pickups,
    ).SerializeToString()


async def _in_sql(store: PlaceStore, asked: Sequence[Question]) -> list[float]:
    """Milliseconds of each query and of putting its rows in order, one after the other."""
    took: list[float] = []
    for number, (where, stores, pickups) in enumerate((*asked[:WARM_UP], *asked)):
        began = time.perf_counter()
        await store.nearest(where, radius_m=RADIUS_M, limit=LIMIT, stores=stores, pickups=pickups)
        if number >= WARM_UP:
            took.append((time.perf_counter() - began) * 1000)
    return took


def main() -> None:
    """Run the benchmark; exit 1 when a bar is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--places", type=int, default=100_000)
    options.add_argument("--seconds", type=float, default=15.0)
    given = options.parse_args()
    print(machine.state(), flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        good = runner.run(measure(given.places, given.seconds))
    print(machine.state())
    raise SystemExit(not good)


if __name__ == "__main__":
    main()

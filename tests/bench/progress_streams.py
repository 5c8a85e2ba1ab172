"""Many open progress streams: what the bridge costs, and how fast events reach the clients.

    python -m tests.bench.progress_streams --streams 10000 --rate 5000

One Redis, one bridge process as `eco2 serve progress` runs it, one process that publishes, and this
one with the clients. Every stream watches a scan of its own, which goes through its stages at the
given rate of events a second over all scans. Figures of the bridge come from its process accounts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import sys
import time
import uuid
from pathlib import Path
from typing import Final, cast

import psutil
import redis.asyncio
import uvloop

from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from tests.integration.progress.conftest import RedisServer
from tests.ports import free_port
from tests.wait import until

ROOT: Final = Path(__file__).resolve().parents[2]
BATCH: Final = 25
"""Events published in one round trip."""
STEPS: Final = [
    (stage, status)
    for stage in ("vision", "rule", "answer", "reward")
    for status in ("started", "completed")
]
_ID: Final = re.compile(rb"\nid: (\d+)-")
_BRIDGE: Final = """
from edge.progress.app import build
from edge.progress.settings import ProgressSettings
from services.runtime.process import run
raise SystemExit(run("progress", [build], ProgressSettings(), "metrics_progress"))
"""


class Watcher(asyncio.Protocol):
    """A client that notes when events arrive."""

    def __init__(self, request: bytes, seen: Seen) -> None:
        self._request = request
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = self._seen.last_at = time.time() * 1000
        for match in _ID.finditer(data):
            self._seen.first_id = self._seen.first_id or int(match[1])
            self._seen.delays.append(now - int(match[1]))
        if b"event: done" in data:
            self._seen.done += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._seen.closed += 1


class Seen:
    """What all clients saw together."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.first_id = self.last_at = 0.0
        self.done = 0
        self.closed = 0


def environment(redis_url: str, ports: dict[str, int]) -> dict[str, str]:
    """Environment of a bridge on free ports."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")]),
        "ECO2_REDIS_URL": redis_url,
        "ECO2_LOG_LEVEL": "WARNING",
        "ECO2_DRAIN_SECONDS": "1",
        **{f"ECO2_PORT_{name.upper()}": str(number) for name, number in ports.items()},
    }


async def publish(
    redis_url: str, jobs: list[str], steps: list[tuple[str, str]], rate: float
) -> float:
    """Publish the steps of all jobs, step by step, at `rate` events/s; own CPU µs an event."""
    client = redis.asyncio.Redis.from_url(redis_url)
    publisher = ProgressPublisher(client)
    events = [
        ProgressEvent(
            job_id=job_id,
            stage=stage,
            status=status,
            result='{"task_id":"x","pipeline_result":{}}' if stage == "done" else None,
        )
        for stage, status in steps
        for job_id in jobs
    ]
    began, cpu = time.perf_counter(), time.process_time()
    for place in range(0, len(events), BATCH):
        ahead = place / rate - (time.perf_counter() - began)
        if ahead > 0:
            await asyncio.sleep(ahead)
        seqs = await publisher.publish(*events[place : place + BATCH])
        assert None not in seqs
    await client.aclose()
    return (time.process_time() - cpu) / len(events) * 1e6


async def publish_elsewhere(
    redis_url: str, jobs: list[str], steps: list[tuple[str, str]], rate: float
) -> float:
    """:func:`publish` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.progress_streams", "--publish",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        env=environment(redis_url, {}),
    )  # fmt: skip
    order = json.dumps({"redis_url": redis_url, "jobs": jobs, "steps": steps, "rate": rate})
    out, _ = await process.communicate(order.encode())
    assert process.returncode == 0
    return float(out)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(streams: int, rate: float) -> None:
    """Run the benchmark and print its figures."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, streams * 2 + 1000), hard))
    ports = {name: free_port() for name in ("progress", "progress_sse", "metrics_progress", "scan")}
    with RedisServer(fsync="everysec") as server:
        bridge = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _BRIDGE, env=environment(server.url, ports), cwd=ROOT
        )
        try:
            await _measure(streams, rate, server.url, ports["progress_sse"], bridge.pid)
        finally:
            bridge.terminate()
            await bridge.wait()


async def _measure(streams: int, rate: float, redis_url: str, port: int, bridge_pid: int) -> None:
    loop = asyncio.get_running_loop()
    process = psutil.Process(bridge_pid)
    jobs = [str(uuid.uuid4()) for _ in range(streams)]
    users = [str(uuid.uuid4()) for _ in range(streams)]
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        publisher = ProgressPublisher(client)
        for job_id, user in zip(jobs, users, strict=True):
            queued = ProgressEvent(job_id=job_id, stage="queued", status="started")
            await publisher.open_job(job_id, domain="scan", user_id=user, events=[queued])

    async def listening() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await until(listening, within_seconds=20, what="the bridge listening")
    idle_rss = process.memory_info().rss
    seen = Seen()
    began, cpu = time.perf_counter(), cpu_seconds(process)
    for place in range(0, streams, 100):
        await asyncio.gather(
            *(
                loop.create_connection(
                    lambda job_id=job_id, user=user: Watcher(  # type: ignore[misc]
                        f"GET /api/v1/scan/{job_id}/events HTTP/1.1\r\nhost: b\r\n"
                        f"x-user-id: {user}\r\n\r\n".encode(),
                        seen,
                    ),
                    "127.0.0.1",
                    port,
                )
                for job_id, user in zip(
                    jobs[place : place + 100], users[place : place + 100], strict=True
                )
            )
        )
    await until(lambda: len(seen.delays) == streams, within_seconds=60, what="all streams open")
    opening, opening_cpu = time.perf_counter() - began, cpu_seconds(process) - cpu
    rss = process.memory_info().rss

    seen.delays.clear()
    seen.first_id = 0.0
    cpu = cpu_seconds(process)
    publisher_cpu = await publish_elsewhere(redis_url, jobs, STEPS, rate)
    expected = streams * len(STEPS)
    await until(lambda: len(seen.delays) >= expected, within_seconds=60, what="all events")
    took, event_cpu = (seen.last_at - seen.first_id) / 1000, cpu_seconds(process) - cpu
    assert len(seen.delays) == expected, "an event was repeated"
    delays = statistics.quantiles(seen.delays, n=1000)

    await publish_elsewhere(redis_url, jobs, [("done", "completed")], rate)
    await until(lambda: seen.done == streams, within_seconds=60, what="all streams done")
    print(f"streams                    {streams}")
    print(
        f"opened in                  {opening:.1f} s, "
        f"{opening_cpu / streams * 1e6:.0f} µs of CPU each"
    )
    print(f"RSS with streams open      {rss / 2**20:.0f} MiB ({idle_rss / 2**20:.0f} without)")
    print(f"  per stream               {(rss - idle_rss) / streams / 1024:.1f} KiB")
    print(f"events delivered           {expected} at {expected / took:.0f}/s (target {rate:.0f}/s)")
    print(f"bridge CPU per event       {event_cpu / expected * 1e6:.1f} µs")
    print(f"publisher CPU per event    {publisher_cpu:.1f} µs")
    print(
        f"publish to client          p50 {delays[499]:.1f} ms, p99 {delays[989]:.1f} ms, "
        f"p99.9 {delays[998]:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=2000, help="open streams")
    parser.add_argument("--rate", type=float, default=5000, help="events/s over all streams")
    parser.add_argument("--publish", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.publish:
        order = json.load(sys.stdin)
        order["steps"] = [(stage, status) for stage, status in order["steps"]]
        print(uvloop.run(publish(**order)))
    else:
        uvloop.run(measure(chosen.streams, chosen.rate))


if __name__ == "__main__":
    main()

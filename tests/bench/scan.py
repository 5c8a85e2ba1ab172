"""``make bench-scan``: the whole pipeline under load, through the real edge, the model simulated.

Each virtual user uploads one photo of 100 kB and then loops: submit a scan, watch its events until
`done`, fetch the result. The model takes its time as that of the
app's first backend did, and gets photos by URL. Warm-up is left out of every figure except the
counts of what was lost. With ``--kill-worker`` the process of all stages is killed half-way.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import aiohttp
import numpy as np
from PIL import Image

from mesh.local.ephemeral_stack import EphemeralStack
from tests.bench.scan_report import Report, show
from tests.bench.scan_usage import OURS, Meter, Sample
from tests.bench.scan_users import Load
from tests.stack_database import database_of

PHOTO_BYTES: Final = 100_000
RAMP_SECONDS: Final = 12.0
"""Users start spread over one mean scan, so that they do not move in step."""

WARM_UP_SECONDS: Final = 25.0
"""Ramp, one scan, and caches and connections warm."""

TERMINAL: Final = ("completed", "failed", "cancelled")

SETTLE_SECONDS: Final = 120.0
"""After the load, accepted jobs that nobody watches any more may take so long to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    users: int
    minutes: float
    kill_worker: bool
    scale: float
    json: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 when every accepted job completed and could be read."""
    parser = argparse.ArgumentParser(prog="tests.bench.scan", description=__doc__)
    parser.add_argument("--users", type=int, default=300, help="virtual users (300)")
    parser.add_argument("--minutes", type=float, default=2.0, help="measured time (2)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the model's latencies")
    parser.add_argument("--kill-worker", action="store_true", help="kill -9 the stages half-way")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = Options(**vars(parser.parse_args(arguments)))
    with simulator(options.scale) as (process, url):
        say("starting the stack")
        with EphemeralStack(stack_variables(url)) as stack:
            sessions = tokens(stack, options.users)
            report = asyncio.run(measure(stack, options, sessions, process.pid))
            report.model = asyncio.run(model_statistics(url))
    print(json.dumps(asdict(report), ensure_ascii=False) if options.json else show(report))
    return 0 if report.states == {"completed": report.accepted} and not report.unread else 1


def stack_variables(model_url: str) -> dict[str, str]:
    """Environment of the stack's processes."""
    return {
        "OPENAI_API_KEY": "simulated",
        "OPENAI_BASE_URL": model_url,
        "ECO2_MODEL_IMAGE": "url",
        "ECO2_LOG_LEVEL": "WARNING",
        # One user of the benchmark does what many do, and is not what the limit is for.
        "ECO2_SCAN_SUBMITS_PER_MINUTE": "0",
    }


@contextmanager
def simulator(scale: float) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The model, in a process of its own; yields it and its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.simulator", "--scale", str(scale)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


def tokens(stack: EphemeralStack, count: int) -> list[str]:
    """Access tokens of as many real sessions."""
    printed = stack.eco2("token", "--user", "bench", "--count", str(max(count, 2)))
    return printed.split()[:count]


async def measure(
    stack: EphemeralStack, options: Options, sessions: list[str], simulator_pid: int
) -> Report:
    """Load the stack and report."""
    say(f"uploading {options.users} photos")
    photos = await upload_all(stack.base_url, sessions)
    seconds = options.minutes * 60
    began = time.monotonic()
    load = Load(stack.port("edge_http"), began + WARM_UP_SECONDS + seconds)
    users = [
        asyncio.create_task(load.user(token, photo, RAMP_SECONDS * index / len(sessions)))
        for index, (token, photo) in enumerate(zip(sessions, photos, strict=True))
    ]
    meter = Meter(stack, {"model": simulator_pid, "load": os.getpid()})
    say("warming up")
    await asyncio.sleep(WARM_UP_SECONDS)
    say(f"measuring {seconds:.0f} s")
    first, start = meter.read(), time.monotonic()
    killed = not options.kill_worker
    while time.monotonic() < start + seconds:
        await asyncio.sleep(1.0)
        meter.read()
        if not killed and time.monotonic() > start + seconds / 2:
            killed = True
            say(f"killed the stages' process {stack.kill('workers')}")
    last, end = meter.read(), time.monotonic()
    say("letting the last scans finish")
    await asyncio.gather(*users)
    jobs = [scan.job_id for scan in load.scans if scan.job_id]
    states = await settled(stack, jobs)
    inside = [scan for scan in load.scans if start <= scan.fetched_at <= end]
    return Report.of(
        options=asdict(options),
        seconds=end - start,
        scans=load.scans,
        inside=inside,
        states=states,
        cpu_ms=per_scan(first, last, len(inside)),
        rss_mib={group: round(sample.rss_bytes / 2**20) for group, sample in last.items()},
        problems=dict(load.problems),
    )


def per_scan(first: dict[str, Sample], last: dict[str, Sample], scans: int) -> dict[str, float]:
    """CPU by group in milliseconds a scan, and the sum of our Python processes."""
    cost = {
        group: round((last[group].cpu_seconds - first[group].cpu_seconds) * 1000 / max(scans, 1), 2)
        for group in last
    }
    return {"python": round(sum(cost[group] for group in OURS), 2), **cost}


async def upload_all(base_url: str, sessions: list[str]) -> list[str]:
    """Upload one photo for each user; their public URLs."""
    photo = jpeg()
    limit = asyncio.Semaphore(8)
    async with aiohttp.ClientSession(base_url) as edge, aiohttp.ClientSession() as storage:

        async def upload(token: str) -> str:
            async with limit:
                async with edge.post(
                    "/api/v1/images/scan",
                    json={"filename": "photo.jpg", "content_type": "image/jpeg"},
                    headers={"Authorization": f"Bearer {token}"},
                ) as response:
                    response.raise_for_status()
                    ticket: dict[str, Any] = await response.json()
                headers = {"Content-Type": "image/jpeg"}
                async with storage.put(ticket["upload_url"], data=photo, headers=headers) as put:
                    put.raise_for_status()
                return str(ticket["cdn_url"])

        return list(await asyncio.gather(*(upload(token) for token in sessions)))


def jpeg() -> bytes:
    """A JPEG of about 100 kB."""
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for quality in range(90, 5, -5):
        out = io.BytesIO()
        Image.fromarray(noise).save(out, "JPEG", quality=quality)
        if out.tell() <= PHOTO_BYTES:
            break
    return out.getvalue()


async def settled(stack: EphemeralStack, jobs: list[str]) -> dict[str, int]:
    """How many of the accepted jobs are in which state in the database, once all have ended or
    time is up; ``missing`` counts those without a row.
    """
    async with database_of(stack) as database:
        until = time.monotonic() + SETTLE_SECONDS
        while True:
            rows = await database.fetch(
                "SELECT status, count(*) AS jobs FROM scan.jobs WHERE job_id = ANY($1::uuid[])"
                " GROUP BY status",
                jobs,
            )
            states = {row["status"]: row["jobs"] for row in rows}
            missing = len(jobs) - sum(states.values())
            ended = sum(states.get(status, 0) for status in TERMINAL)
            if ended == len(jobs) or time.monotonic() > until:
                return {**states, **({"missing": missing} if missing else {})}
            await asyncio.sleep(0.5)


async def model_statistics(url: str) -> dict[str, Any]:
    """What the model was asked."""
    async with aiohttp.ClientSession() as session, session.get(f"{url[:-3]}/stats") as response:
        found: dict[str, Any] = await response.json()
    return {
        "calls": found["calls"],
        "outcomes": found["outcomes"],
        "most_in_flight": found["most_in_flight"],
    }


def say(what: str) -> None:
    """Tell the person who waits."""
    print(f"bench-scan: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

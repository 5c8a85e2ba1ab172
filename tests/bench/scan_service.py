"""What one call costs in the scan and images processes.

    python -m tests.bench.scan_service --calls 3000 --at-once 16

Real PostgreSQL, Redis, Kafka and S3Proxy; the scan and the images service as processes of their
own, as `eco2 serve` runs them; this process calls. CPU is user + system time of the processes
over a series of calls, divided by their number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any

import grpc.aio
import httpx
import psutil
from eco2.images.v1 import images_service_pb2, images_service_pb2_grpc
from eco2.scan.v1 import scan_pb2, scan_service_pb2, scan_service_pb2_grpc

from mesh.local.ephemeral import EphemeralParts
from services.runtime.identity import USER_ID
from services.runtime.migrations import migrate
from services.runtime.settings import RuntimeSettings
from streaming.kafka.admin import ensure_topics
from tests.photos import jpeg
from tests.ready import is_ready
from tests.wait import until

SERVE = """
import sys
from services.runtime.process import run
from services.runtime.settings import RuntimeSettings
from importlib import import_module
build = import_module(f"services.{sys.argv[1]}.app").build
raise SystemExit(run(sys.argv[1], [build], RuntimeSettings(), sys.argv[2]))
"""
PHOTO = jpeg(100_000)
RESULT = scan_pb2.ScanResult(
    classification=scan_pb2.Classification(
        major_category="재활용폐기물", middle_category="무색페트병", minor_category="음료PET병"
    ),
    situation_tags=["비닐_라벨_부착", "내용물_없음"],
    user_input="이거 어떻게 버려요?",
    rule_document_id="재활용폐기물_무색페트병",
    disposal_steps=["내용물을 비우고 헹궈 주세요", "라벨을 떼어 주세요", "압착해 주세요"],
    user_answer="라벨을 떼고 압착한 뒤 무색페트병 전용 수거함에 배출해 주세요.",
)

Call = Callable[[str], Awaitable[Any]]


async def series(items: Sequence[str], at_once: int, call: Call) -> tuple[list[Any], list[float]]:
    """Answers and milliseconds of one call an item, `at_once` of them at a time."""
    waiting = list(enumerate(items))
    answers: list[Any] = [None] * len(items)
    took: list[float] = []

    async def worker() -> None:
        while waiting:
            number, item = waiting.pop()
            started = time.perf_counter()
            answers[number] = await call(item)
            took.append((time.perf_counter() - started) * 1000)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return answers, took


class Meter:
    """CPU time of processes."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def read(self) -> dict[str, float]:
        """Seconds so far, by name."""
        found = {}
        for name, process in self._processes.items():
            times = process.cpu_times()
            found[name] = times.user + times.system
        return found

    def rss_mib(self) -> dict[str, float]:
        """Resident memory, by name."""
        return {
            name: round(process.memory_info().rss / 2**20, 1)
            for name, process in self._processes.items()
        }


@asynccontextmanager
async def serving(environ: dict[str, str]) -> AsyncIterator[dict[str, int]]:
    """The two services as processes; their ids."""
    children = {
        name: subprocess.Popen(  # noqa: ASYNC220 - before anything is measured
            [sys.executable, "-c", SERVE, name, f"metrics_{group}"],
            env={
                **os.environ,
                "PYTHONPATH": ".:gen/python",
                "ECO2_SCAN_SUBMITS_PER_MINUTE": "0",  # one user submits everything
                **environ,
            },
        )
        for name, group in (("images", "serve"), ("scan", "work"))
    }
    try:
        for group in ("SERVE", "WORK"):
            metrics_port = int(environ[f"ECO2_PORT_METRICS_{group}"])
            await until(partial(is_ready, metrics_port), within_seconds=30)
        yield {name: child.pid for name, child in children.items()}
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait(15)


async def upload(images: Any, http: httpx.AsyncClient, user: str) -> str:
    """URL of a photo of 100 kB."""
    created = await images.CreateUpload(
        images_service_pb2.CreateUploadRequest(
            channel="scan", filename="a.jpg", content_type="image/jpeg"
        ),
        metadata=((USER_ID, user),),
    )
    put = await http.put(created.upload_url, content=PHOTO, headers={"Content-Type": "image/jpeg"})
    put.raise_for_status()
    return str(created.cdn_url)


async def run(environ: dict[str, str], calls: int, at_once: int) -> dict[str, Any]:
    """Measure each call; the report."""
    report: dict[str, Any] = {}
    user = str(uuid.uuid4())
    me = ((USER_ID, user),)
    async with serving(environ) as pids, httpx.AsyncClient(trust_env=False) as http:
        images_channel = grpc.aio.insecure_channel(f"127.0.0.1:{environ['ECO2_PORT_IMAGES']}")
        scan_channel = grpc.aio.insecure_channel(f"127.0.0.1:{environ['ECO2_PORT_SCAN']}")
        images = images_service_pb2_grpc.ImagesServiceStub(images_channel)
        scan: Any = scan_service_pb2_grpc.ScanServiceStub(scan_channel)
        urls = [await upload(images, http, user) for _ in range(200)]
        meter = Meter(pids)

        async def measure(name: str, items: Sequence[str], call: Call) -> list[Any]:
            before, started = meter.read(), time.perf_counter()
            answers, took = await series(items, at_once, call)
            elapsed, after = time.perf_counter() - started, meter.read()
            report[name] = {
                "per_second": round(len(items) / elapsed),
                "p50_ms": round(statistics.median(took), 2),
                "p95_ms": round(statistics.quantiles(took, n=20)[18], 2),
                "cpu_ms_per_call": {
                    who: round((after[who] - before[who]) * 1000 / len(items), 3) for who in after
                },
            }
            return answers

        def submit(url: str) -> Awaitable[Any]:
            return scan.SubmitScan(  # type: ignore[no-any-return]
                scan_service_pb2.SubmitScanRequest(image_url=url), metadata=me
            )

        await series(urls, at_once, submit)  # warm up: connections, prepared statements
        submitted = await measure("SubmitScan", [urls[n % len(urls)] for n in range(calls)], submit)
        jobs = [answer.job_id for answer in submitted]
        await measure(
            "CompleteJob",
            jobs,
            lambda job: scan.CompleteJob(
                scan_service_pb2.CompleteJobRequest(job_id=job, result=RESULT)
            ),
        )
        await measure(
            "GetScanResultDocument",
            jobs,
            lambda job: scan.GetScanResultDocument(
                scan_service_pb2.GetScanResultDocumentRequest(job_id=job), metadata=me
            ),
        )
        await measure(
            "CreateUpload",
            jobs[:1000],
            lambda _: images.CreateUpload(
                images_service_pb2.CreateUploadRequest(
                    channel="scan", filename="a.jpg", content_type="image/jpeg"
                ),
                metadata=me,
            ),
        )
        report["rss_mib"] = meter.rss_mib()
        await images_channel.close(None)
        await scan_channel.close(None)
    return report


def main() -> None:
    """Start the parts, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args()
    with closing(EphemeralParts()) as parts:
        parts.postgres_url()
        environ = {
            **parts.environ,
            "ECO2_REDIS_URL": parts.redis_url,
            "ECO2_S3_ENDPOINT": parts.s3_endpoint,
            "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
            "ECO2_LOG_LEVEL": "WARNING",
        }
        os.environ.update(environ)

        async def prepare() -> None:
            await ensure_topics(parts.kafka_bootstrap)
            await migrate(RuntimeSettings())

        asyncio.run(prepare())
        report = asyncio.run(run(environ, options.calls, options.at_once))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

"""CPU per record of the consumer (read + dispatch + commit) and of the producer.

    python -m tests.bench.kafka_runner --bootstrap 127.0.0.1:19092 [--rate 400] [--seconds 20]

The consumer has the layout of the one-machine worker: five topics of six partitions and all their
retry topics, handlers that only wait. Records come from another process at a steady rate (0: all at
once beforehand), so that only consuming is counted. Handling costs are reported as CPU seconds of
this process (``time.process_time``) by record.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import time
import uuid

import uvloop
from eco2.pipeline.v1.scan_task_pb2 import ScanTask

from streaming.kafka.admin import ensure_topics
from streaming.kafka.consumer import Record, Runner, Timing
from streaming.kafka.producer import PACE_SECONDS, Producer
from streaming.kafka.topics import Topic

TOPICS = 5


def _topics(run: str) -> list[Topic]:
    return [
        Topic(
            name=f"bench.{run}.{n}",
            key="job_id",
            message="eco2.pipeline.v1.ScanTask",
            partitions=6,
            retention_seconds=3600,
            producer="bench",
            consumers=("bench",),
            retry=(1.0, 5.0, 15.0, 60.0),
        )
        for n in range(TOPICS)
    ]


def _task() -> ScanTask:
    job_id = str(uuid.uuid4())
    return ScanTask(
        job_id=job_id,
        user_id=str(uuid.uuid4()),
        image_url=f"http://localhost:8080/images/scan/{job_id}.jpg",
        image_key=f"scan/{job_id}.jpg",
        image_content_type="image/jpeg",
        user_input="이거 어떻게 버려요?",
        submitted_at_ms=round(time.time() * 1000),
    )


async def _produce(args: argparse.Namespace, run: str, report: bool) -> None:
    """Send at a steady rate, or as fast as 64 senders at a time go."""
    producer = Producer(args.bootstrap, pace_seconds=args.send_pace_ms / 1000)
    await producer.start()
    topics = _topics(run)
    slots = asyncio.Semaphore(64)
    late: list[float] = []

    async def one(number: int) -> None:
        async with slots:
            task = _task()
            began = time.perf_counter()
            await producer.send(
                topics[number % TOPICS], task.job_id, task, deadline=time.time() + 900
            )
            late.append(time.perf_counter() - began)

    await one(0)  # connected
    cpu, began = time.process_time(), time.perf_counter()
    sent: list[asyncio.Task[None]] = []
    for number in range(1, args.records):
        if args.rate:
            ahead = began + number / args.rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
        sent.append(asyncio.create_task(one(number)))
    await asyncio.gather(*sent)
    cpu = time.process_time() - cpu
    took = time.perf_counter() - began
    await producer.stop()
    if report:
        late.sort()
        print(
            json.dumps(
                {
                    "what": "producer",
                    "records": args.records,
                    "per_second": round(args.records / took),
                    "cpu_ms_per_record": round(cpu * 1000 / args.records, 3),
                    "ack_ms_p50": round(late[len(late) // 2] * 1000, 1),
                    "ack_ms_p99": round(late[len(late) * 99 // 100] * 1000, 1),
                    "send_pace_ms": args.send_pace_ms,
                }
            ),
            flush=True,
        )


def _producer_process(args: argparse.Namespace, run: str) -> None:
    uvloop.run(_produce(args, run, report=True))


async def _consume(args: argparse.Namespace, run: str) -> None:
    topics = _topics(run)
    await ensure_topics(args.bootstrap, topics=topics)
    if not args.rate:
        await _produce(args, run, report=True)
    producer = Producer(args.bootstrap)
    await producer.start()
    seen = 0
    waited: list[float] = []
    begun, done = asyncio.Event(), asyncio.Event()

    async def handle(record: Record[ScanTask]) -> None:
        nonlocal seen
        begun.set()
        waited.append(time.time() - record.message.submitted_at_ms / 1000)
        await asyncio.sleep(args.handle_seconds)
        seen += 1
        if seen == args.records:
            done.set()

    runner = Runner(
        dict.fromkeys(topics, handle),
        group_id=f"bench.{run}",
        connection=args.bootstrap,
        producer=producer,
        max_in_flight=args.in_flight,
        timing=Timing(
            pace_seconds=args.pace_ms / 1000,
            commit_seconds=args.commit_ms / 1000,
        ),
    )
    cpu, began = time.process_time(), time.perf_counter()
    running = asyncio.create_task(runner.run())
    if args.rate:
        while True:
            try:
                await runner.ready()
                break
            except Exception:
                await asyncio.sleep(0.05)
        await asyncio.sleep(2.0)
        cpu = time.process_time()
        await asyncio.sleep(3.0)
        idle = (time.process_time() - cpu) / 3.0
        print(json.dumps({"what": "idle", "cpu_percent": round(idle * 100, 2)}), flush=True)
        sender = multiprocessing.get_context("spawn").Process(
            target=_producer_process, args=(args, run)
        )
        sender.start()
        await asyncio.wait_for(begun.wait(), 60)
        cpu, began = time.process_time(), time.perf_counter()
    try:
        async with asyncio.timeout(60 + args.seconds * 3):
            await done.wait()
    except TimeoutError:
        sys.exit(f"only {seen} of {args.records} records were handled")
    took = time.perf_counter() - began
    await asyncio.sleep(args.commit_ms / 1000 + 0.1)
    cpu = time.process_time() - cpu
    waited.sort()
    print(
        json.dumps(
            {
                "what": "consumer",
                "records": args.records,
                "per_second": round(args.records / took),
                "cpu_ms_per_record": round(cpu * 1000 / args.records, 3),
                "read_ms_p50": round(waited[len(waited) // 2] * 1000, 1),
                "read_ms_p99": round(waited[len(waited) * 99 // 100] * 1000, 1),
                "lag": sum(runner.lag().values()),
                "pace_ms": args.pace_ms,
                "commit_ms": args.commit_ms,
                "loop": "uvloop",
                "cores": os.cpu_count(),
            }
        ),
        flush=True,
    )
    await runner.drain(2.0)
    running.cancel()
    await producer.stop()


def main() -> None:
    """Run the benchmark and print one JSON object a measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bootstrap", default=os.environ.get("ECO2_KAFKA_BOOTSTRAP"))
    parser.add_argument("--rate", type=float, default=400.0, help="records a second, 0: backlog")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--records", type=int, default=0, help="instead of --seconds")
    parser.add_argument("--in-flight", type=int, default=300)
    parser.add_argument("--handle-seconds", type=float, default=0.2)
    parser.add_argument("--pace-ms", type=float, default=Timing.pace_seconds * 1000)
    parser.add_argument("--commit-ms", type=float, default=Timing.commit_seconds * 1000)
    parser.add_argument("--send-pace-ms", type=float, default=PACE_SECONDS * 1000)
    args = parser.parse_args()
    if not args.bootstrap:
        sys.exit("--bootstrap or ECO2_KAFKA_BOOTSTRAP is needed: a Kafka broker to measure with")
    args.records = args.records or int((args.rate or 2000) * args.seconds)
    uvloop.run(_consume(args, uuid.uuid4().hex[:8]))


if __name__ == "__main__":
    main()

"""What a browser gets from the SSE bridge."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from tests.wait import until

from .bridge import USER, Bridge, Client, running_bridge
from .conftest import RedisServer
from .scans import RESULT, STAGES, Scan, reason_of

pytestmark = pytest.mark.parts


@pytest.fixture(scope="module")
async def bridge(redis_server: RedisServer) -> AsyncIterator[Bridge]:
    async with running_bridge(redis_server.url) as running:
        yield running


@pytest.fixture
async def scan(redis: Redis) -> Scan:
    return await Scan(redis).open()


async def test_scan_is_streamed_as_the_contract_says(bridge: Bridge, scan: Scan) -> None:
    client = await bridge.client(scan.job_id)
    assert client.status == 200
    assert client.headers["content-type"] == "text/event-stream"
    assert client.headers["cache-control"] == "no-cache"
    assert client.headers["x-accel-buffering"] == "no"
    first = await client.frame()
    assert first is not None
    assert first.fields == {"retry": "3000"}
    queued = await client.event()
    await scan.run()
    rest = await client.rest()
    assert queued is not None
    frames = [queued, *rest]
    assert [f.event for f in frames] == ["queued", *(s for s in STAGES for _ in range(2)), "done"]
    assert [f.data["seq"] for f in frames] == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]
    for frame in frames:
        assert frame.fields["id"] == frame.data["stream_id"]
        assert float(frame.data["ts"]) > 1_700_000_000
        assert list(frame.data) == [
            "job_id", "stage", "status", "seq", "ts", "progress", "result", "stream_id",
        ]  # fmt: skip
    assert frames[2].data["progress"] == 25
    assert frames[2].data["result"] == ""
    assert frames[-1].data["progress"] == ""
    assert (
        json.dumps(frames[-1].data["result"], ensure_ascii=False, separators=(",", ":")) == RESULT
    )


async def test_finished_scan_is_replayed_and_closed(bridge: Bridge, scan: Scan) -> None:
    live = await bridge.client(scan.job_id)
    await scan.run()
    seen_live = await live.rest()
    replayed = await (await bridge.client(scan.job_id)).rest()
    assert [f.fields for f in replayed] == [f.fields for f in seen_live]


async def test_failure_travels_as_error_and_ends_the_stream(bridge: Bridge, scan: Scan) -> None:
    client = await bridge.client(scan.job_id)
    await scan.say("vision")
    await scan.say("vision", "failed", result='{"error":"모델이 응답하지 않습니다"}')
    *_, last = await client.rest()
    assert last.event == "error"
    assert last.data["status"] == "failed"
    assert last.data["stage"] == "vision"
    assert last.data["seq"] == 11
    assert last.data["result"] == {"error": "모델이 응답하지 않습니다"}


async def test_trace_context_is_passed_on(bridge: Bridge, scan: Scan) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client = await bridge.client(scan.job_id)
    await scan.say("vision", traceparent=parent, message="분석 중")
    await client.event()
    vision = await client.event()
    assert vision is not None
    assert vision.data["traceparent"] == parent
    assert vision.data["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert vision.data["span_id"] == "b7ad6b7169203331"
    assert vision.data["message"] == "분석 중"
    client.close()


async def test_two_tabs_see_the_same(bridge: Bridge, scan: Scan) -> None:
    tabs = [await bridge.client(scan.job_id) for _ in range(2)]
    await scan.run()
    one, two = [[f.fields for f in await tab.rest()] for tab in tabs]
    assert one == two
    assert len(one) == 10


@pytest.mark.parametrize(
    "garbage",
    [
        "rubbish",
        "-",
        "1-",
        "1-x",
        "99999999999999999999999-0",
        "99999999999999-0",
        "recovery:x",
        "\xff",
    ],
)
async def test_unreadable_last_event_id_replays_everything(
    bridge: Bridge, scan: Scan, garbage: str
) -> None:
    await scan.run()
    assert len(await (await bridge.client(scan.job_id, last_event_id=garbage)).rest()) == 10


async def test_resume_after_any_event_gives_exactly_the_rest(bridge: Bridge, scan: Scan) -> None:
    await scan.run()
    everything = await (await bridge.client(scan.job_id)).rest()
    for place, frame in enumerate(everything[:-1]):
        client = await bridge.client(scan.job_id, last_event_id=frame.fields["id"])
        assert [f.fields for f in await client.rest()] == [
            f.fields for f in everything[place + 1 :]
        ]


async def test_refusals(bridge: Bridge, scan: Scan, redis: Redis) -> None:
    foreign = await Scan(redis).open(user=str(uuid.uuid4()))
    for client, status, reason in [
        (await bridge.client("short"), 400, "INVALID_JOB_ID"),
        (await bridge.client("a" * 65), 400, "INVALID_JOB_ID"),
        (await bridge.client("sp%20ace-in-id"), 400, "INVALID_JOB_ID"),
        (await bridge.client(scan.job_id, domain="locations"), 400, "UNSUPPORTED_SERVICE"),
        (await bridge.client(str(uuid.uuid4())), 404, "JOB_NOT_FOUND"),
        (await bridge.client(foreign.job_id), 404, "JOB_NOT_FOUND"),
        (await bridge.client(scan.job_id, domain="chat"), 404, "JOB_NOT_FOUND"),
        (await bridge.client(scan.job_id, user=None), 401, "UNAUTHENTICATED"),
        (await bridge.client(scan.job_id, user="not-a-uuid"), 401, "UNAUTHENTICATED"),
        (await bridge.client(scan.job_id, method="POST"), 405, "METHOD_NOT_ALLOWED"),
        (await Client.get(bridge.port, "/elsewhere"), 404, "ROUTE_NOT_FOUND"),
        (await Client.get(bridge.port, "/api/v1/stream"), 400, "INVALID_JOB_ID"),
    ]:
        assert (client.status, reason_of(client)) == (status, reason)
    assert bridge.core.open_streams == 0


async def test_legacy_path_names_the_job_in_the_query(bridge: Bridge, scan: Scan) -> None:
    await scan.run()
    client = await Client.get(bridge.port, f"/api/v1/stream?job_id={scan.job_id}")
    assert len(await client.rest()) == 10


async def test_client_that_leaves_is_forgotten(bridge: Bridge, scan: Scan) -> None:
    client = await bridge.client(scan.job_id)
    await until(lambda: bridge.core.open_streams == 1)
    client.close()
    await until(lambda: bridge.core.open_streams == 0)


async def test_silence_brings_keepalives_pings_and_at_last_a_timeout(
    redis_server: RedisServer, redis: Redis
) -> None:
    scan = await Scan(redis).open()
    async with running_bridge(
        redis_server.url, progress_keepalive_seconds=0.2, progress_connection_seconds=1.2
    ) as bridge:
        client = await bridge.client(scan.job_id)
        frames = []
        while (frame := await client.frame()) is not None:
            frames.append(frame)
    keepalives = [f for f in frames if f.event == "keepalive"]
    assert 1 <= len(keepalives) <= 6
    assert all("id" not in f.fields and f.data["timestamp"] for f in keepalives)
    assert any(f.comment == "ping" for f in frames)
    assert frames[-1].fields["id"] == ""
    assert frames[-1].event == "error"
    assert frames[-1].data == {
        "type": "error", "error": "timeout", "message": "Maximum wait time exceeded",
    }  # fmt: skip


async def test_user_cannot_open_streams_without_bound(
    redis_server: RedisServer, redis: Redis
) -> None:
    scan = await Scan(redis).open()
    async with running_bridge(redis_server.url, progress_streams_per_user=2) as bridge:
        clients = [await bridge.client(scan.job_id) for _ in range(3)]
        assert [client.status for client in clients] == [200, 200, 429]
        assert clients[2].headers["retry-after"] == "2"
        assert clients[2].headers["content-type"] == "application/json"
        assert reason_of(clients[2]) == "TOO_MANY_STREAMS"
        other = await Scan(redis).open()
        assert (await bridge.client(other.job_id)).status == 429  # whatever the job
        clients[0].close()
        await until(lambda: bridge.core.open_streams == 1)
        assert (await bridge.client(scan.job_id)).status == 200


async def test_drain_refuses_new_streams_and_lets_the_open_ones_finish(
    redis_server: RedisServer, redis: Redis
) -> None:
    scan, slow = await Scan(redis).open(), await Scan(redis).open()
    async with running_bridge(redis_server.url) as bridge:
        finishing, cut = await bridge.client(scan.job_id), await bridge.client(slow.job_id)
        draining = asyncio.create_task(bridge.core.drain(3.0))
        await asyncio.sleep(0)
        refused = await bridge.client(scan.job_id)
        assert (refused.status, reason_of(refused)) == (503, "SHUTTING_DOWN")
        assert refused.headers["retry-after"] == "2"
        await scan.run()
        assert (await finishing.rest())[-1].event == "done"
        assert not draining.done()
        assert [f.event for f in await cut.rest()] == ["queued"]
        await draining
        assert bridge.core.open_streams == 0


async def test_stream_that_falls_behind_is_refilled(
    redis_server: RedisServer, redis: Redis
) -> None:
    scan = await Scan(redis).open()
    async with running_bridge(redis_server.url, progress_queue_events=1) as bridge:
        client = await bridge.client(scan.job_id)
        await client.event()
        await scan.run()  # nine events at once, with room for one
        seqs = [f.data["seq"] for f in await client.rest()]
    assert seqs == [10, 11, 20, 21, 30, 31, 40, 41, 51]


async def test_chat_text_reaches_early_and_late_clients_whole(bridge: Bridge, redis: Redis) -> None:
    job_id, publisher = str(uuid.uuid4()), ProgressPublisher(redis)

    def token(batch: int) -> ProgressEvent:
        return ProgressEvent(
            job_id=job_id, domain="chat", stage="token", status="streaming", node="answer",
            content=f"{batch},", token_batch=batch,
        )  # fmt: skip

    answer = ProgressEvent(job_id=job_id, domain="chat", stage="answer", status="started")
    await publisher.open_job(job_id, domain="chat", user_id=USER, events=[answer])
    early = await bridge.client(job_id, domain="chat")
    await publisher.publish(token(1), token(2))
    seen = [await early.event() for _ in range(3)]
    assert [f.data.get("content") for f in seen if f] == [None, "1,", "2,"]

    late = await bridge.client(job_id, domain="chat")
    started, snapshot = await late.event(), await late.event()
    assert started is not None
    assert snapshot is not None
    assert started.event == "answer"
    assert snapshot.fields["id"] == "recovery:1002"
    assert (snapshot.data["accumulated"], snapshot.data["last_seq"]) == ("1,2,", 1002)
    late.close()

    await publisher.publish(token(3))
    back = await bridge.client(job_id, domain="chat", last_event_id="recovery:1002")
    knowing = await Client.get(bridge.port, f"/api/v1/chat/{job_id}/events?last_token_seq=1001")
    result = '{"intent":"general","answer":"1,2,3,"}'
    done = ProgressEvent(
        job_id=job_id, domain="chat", stage="done", status="completed", result=result
    )
    await publisher.publish(done)
    for client, tokens in ((early, [1003]), (back, [1003]), (knowing, [1002, 1003])):
        rest = await client.rest()
        assert [f.data["seq"] for f in rest if f.event == "token"] == tokens
        assert rest[-1].event == "done"
        assert rest[-1].data["seq"] == 181
        assert rest[-1].data["result"]["answer"] == "1,2,3,"


async def test_connection_serves_one_stream_after_another(bridge: Bridge, redis: Redis) -> None:
    """A proxy keeps its connections: what one request left must not reach the next."""
    first, second = await Scan(redis).open(), await Scan(redis).open()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{bridge.port}",
        headers={"x-user-id": USER},
        limits=httpx.Limits(max_connections=1),
    ) as proxy:
        refused = await proxy.post(f"/api/v1/scan/{first.job_id}/events", json={"a": "b" * 9999})
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET"
        for scan in (first, second):
            await scan.run()
            stream = await proxy.get(f"/api/v1/scan/{scan.job_id}/events")
            assert stream.text.count("event: ") == 10
            assert stream.text.count(scan.job_id) == 10
        assert (await proxy.get("/api/v1/scan/short/events")).status_code == 400
    await until(lambda: bridge.core.open_streams == 0)


async def test_client_that_stops_reading_costs_bounded_memory_and_loses_nothing(
    redis_server: RedisServer, redis: Redis
) -> None:
    job_id, publisher = str(uuid.uuid4()), ProgressPublisher(redis)
    await publisher.open_job(job_id, domain="chat", user_id=USER)
    piece = "가" * 20_000
    async with running_bridge(redis_server.url, progress_queue_events=4) as bridge:
        client = await bridge.client(job_id, domain="chat")
        for batch in range(1, 201):  # 12 MB, far beyond what sockets and queues hold
            await publisher.publish(
                ProgressEvent(
                    job_id=job_id, domain="chat", stage="token", status="streaming",
                    content=piece, token_batch=batch,
                )
            )  # fmt: skip
        (stream,) = bridge.core.streams_of(job_id)
        assert stream.waiting <= 4
        for seq in range(1001, 1201):
            frame = await client.event()
            assert frame is not None
            assert frame.data["seq"] == seq
        client.close()

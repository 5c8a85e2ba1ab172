"""The main job through the edge, as the app does it (docs/app.md)."""

from __future__ import annotations

import itertools
from uuid import UUID

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.cli.app_client import AppClient
from services.cli.demo import SAMPLE
from streaming.kafka.topics import REWARD_GRANTED
from tests.e2e.world import Watch, World, photo, read, result, submit, to_end
from tests.wait import until

pytestmark = pytest.mark.stack

STAGES = ["vision", "rule", "answer", "reward"]
EVENTS = [
    ("queued", "started"),
    *[(stage, status) for stage in STAGES for status in ("started", "completed")],
    ("done", "completed"),
]


async def test_scan_from_photo_to_character(world: World) -> None:
    async with await world.user() as app:
        assert [c["name"] for c in await app.get("/api/v1/users/me/characters")] == ["이코"]
        job = await submit(app, "이거 어떻게 버려요?")
        assert job.stream_url == f"/api/v1/scan/{job.job_id}/events"
        assert job.result_url == f"/api/v1/scan/{job.job_id}/result"
        UUID(job.job_id)

        watch = await to_end(app, job)
        document = await result(app, job)

        assert watch.steps() == EVENTS
        numbers = [event.data["seq"] for event in watch.events]
        assert all(before < after for before, after in itertools.pairwise(numbers))
        assert watch.last.data["result"] == document

        assert list(document) == [
            "task_id", "status", "message", "pipeline_result", "reward", "error",
        ]  # fmt: skip
        assert document["task_id"] == job.job_id
        assert document["status"] == "completed"
        assert document["error"] is None
        labels = document["pipeline_result"]["classification_result"]["classification"]
        assert labels == {
            "major_category": "재활용폐기물",
            "middle_category": "무색페트병",
            "minor_category": "음료PET병",
        }
        assert document["pipeline_result"]["disposal_rules"]
        answer = document["pipeline_result"]["final_answer"]
        assert list(answer["disposal_steps"]) == ["단계1", "단계2", "단계3"]
        assert all(answer["disposal_steps"].values())
        assert answer["insufficiencies"] == []
        assert document["reward"]["name"] == "페티"
        assert set(document["reward"]) == {"name", "dialog", "match_reason", "type"}

        async def names() -> list[str]:
            return [c["name"] for c in await app.get("/api/v1/users/me/characters")]

        async def owned() -> bool:
            return "페티" in await names()

        await until(owned, what="the character")
        again = await submit(app)
        assert (await to_end(app, again)).last.name == "done"
        assert (await result(app, again))["reward"]["name"] == "페티", "also when it is owned"
        await grants_read(world)
        assert (await names()).count("페티") == 1


async def grants_read(world: World) -> None:
    """Wait until the ownership worker has read every grant there is."""

    async def read_all() -> bool:
        return await lag(world) == 0

    await until(read_all, what="the grants to be read")


async def lag(world: World) -> int:
    """Grants the ownership worker has not committed."""
    bootstrap = f"127.0.0.1:{world.stack.port('kafka')}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await consumer.start()
    try:
        committed = await admin.list_consumer_group_offsets("ownership")
        partitions = [
            TopicPartition(REWARD_GRANTED.name, number)
            for number in range(REWARD_GRANTED.partitions)
        ]
        ends = await consumer.end_offsets(partitions)
        return sum(
            end - (committed[place].offset if place in committed else 0)
            for place, end in ends.items()
        )
    finally:
        await consumer.stop()
        await admin.close()


async def test_item_without_reward_has_a_literal_null(world: World, alice: AppClient) -> None:
    with world.model.script(not_ready=1.0) as script:
        job = await submit(alice, script.word)
        assert (await to_end(alice, job)).last.name == "done"
    document = await result(alice, job)
    assert "reward" in document
    assert document["reward"] is None
    assert document["pipeline_result"]["final_answer"]["insufficiencies"] == [
        "라벨이 아직 붙어 있어요."
    ]


async def test_result_is_202_while_the_job_runs(
    world: World, alice: AppClient, http: httpx.AsyncClient
) -> None:
    me = {"authorization": f"Bearer {await world.token('alice')}"}
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        running = await http.get(job.result_url, headers=me)
        assert running.status_code == 202
        assert running.headers["retry-after"] == "2"
        assert running.json()["status"] == "processing"
        assert set(running.json()) == {"status", "message", "current_stage", "progress"}
        script.set(hang=0.0)
        assert (await to_end(alice, job)).last.name == "done"
    assert (await http.get(job.result_url, headers=me)).status_code == 200


async def test_result_can_be_read_when_done_arrives(world: World, alice: AppClient) -> None:
    for _ in range(5):
        job = await submit(alice)
        watch = Watch()
        while not watch.saw("done"):
            await read(alice, job, watch, at_most=1)
        assert (await result(alice, job))["status"] == "completed"


async def test_history_lists_the_scan(alice: AppClient) -> None:
    job = await submit(alice)
    await to_end(alice, job)
    page = await alice.get("/api/v1/scan/history?limit=1")
    (newest,) = page["scans"]
    assert newest["job_id"] == job.job_id
    assert newest["status"] == "completed"
    assert newest["reward_name"] == "페티"
    assert page["next_cursor"]


async def test_correction_of_a_finished_scan_is_received(alice: AppClient) -> None:
    job = await submit(alice)
    await to_end(alice, job)
    answer = await alice.post(
        f"/api/v1/scan/{job.job_id}/correction",
        {"classification": {"major_category": "재활용폐기물", "middle_category": "유리병"}},
    )
    assert answer == {"job_id": job.job_id, "status": "received"}


async def test_cancelled_scan_ends_for_those_who_watch(
    world: World, alice: AppClient, http: httpx.AsyncClient
) -> None:
    me = {"authorization": f"Bearer {await world.token('alice')}"}
    with world.model.script(hang=1.0) as script:
        job = await submit(alice, script.word)
        watch = await read(alice, job, Watch(), at_most=1)
        assert (await http.delete(f"/api/v1/scan/{job.job_id}", headers=me)).status_code == 204
        await to_end(alice, job, watch)
    assert watch.last.name == "error"
    assert watch.last.data["status"] == "failed"
    assert (await result(alice, job))["status"] == "failed"


async def test_photo_is_served_under_its_public_url(
    alice: AppClient, http: httpx.AsyncClient
) -> None:
    url = await photo(alice)
    served = await http.get(url, headers={"origin": "https://localhost:5173"})
    assert served.status_code == 200
    assert served.content == SAMPLE.read_bytes()
    assert served.headers["content-type"] == "image/jpeg"

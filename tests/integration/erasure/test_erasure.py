"""After DeleteMe nothing of the user is left anywhere, and nothing of anybody else is touched."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import pytest
from eco2.chat.v1 import chat_pb2
from eco2.chat.v1 import chat_service_pb2 as chat_pb
from eco2.pipeline.v1 import identity_events_pb2, reward_granted_pb2
from eco2.scan.v1 import scan_pb2
from eco2.scan.v1 import scan_service_pb2 as scan_pb
from eco2.users.v1 import users_service_pb2 as users_pb
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from mesh.local.ephemeral import EphemeralParts
from services.images.settings import ImagesSettings
from services.runtime.objectstore import ObjectStore
from services.scan.erasure import Erasure
from streaming.kafka.producer import shared_producer
from streaming.kafka.topics import REWARD_GRANTED, USER_DELETED
from streaming.progress import keys
from streaming.progress.checkpoint import Checkpoints
from streaming.progress.endings import Endings
from streaming.progress.event import ProgressEvent
from streaming.progress.publisher import ProgressPublisher
from streaming.progress.scripts import ProgressUnavailable
from tests.integration.backend import Refused
from tests.integration.erasure.conftest import Person, World
from tests.integration.erasure.traces import in_redis, in_tables
from tests.wait import until

pytestmark = pytest.mark.parts


@dataclass
class Life:
    """Somebody who used everything, and what could be found of them."""

    person: Person
    ended: str
    running: list[str]
    """Jobs that have not ended."""
    object_keys: list[str]
    texts: list[str]


def reward(user_id: str, job_id: str) -> reward_granted_pb2.RewardGranted:
    fact = reward_granted_pb2.RewardGranted(
        user_id=user_id,
        character_id=str(uuid.uuid5(uuid.NAMESPACE_URL, "char-petty")),
        character_code="char-petty",
        character_name="페티",
        source="scan",
        job_id=job_id,
    )
    fact.granted_at.GetCurrentTime()
    return fact


async def points(world: World, person: Person) -> int:
    answer = await world.users.GetMyPoints(users_pb.GetMyPointsRequest(), metadata=person.metadata)
    return int(answer.total)


async def live(world: World) -> Life:
    """Sign in, fill in the profile, scan twice, correct, earn, talk."""
    person, mark = await world.sign_in(), uuid.uuid4().hex
    phone = f"010-{int(mark[:6], 16) % 10_000:04d}-{int(mark[6:12], 16) % 10_000:04d}"
    await world.users.UpdateMe(
        users_pb.UpdateMeRequest(nickname=f"별명 {mark}", phone_number=phone),
        metadata=person.metadata,
    )
    photos = [await world.upload(person) for _ in range(3)]  # one is never used
    ended = await world.submit(person, photos[0].cdn_url, user_input=f"질문 {mark}")
    await world.scan.CompleteJob(
        scan_pb.CompleteJobRequest(
            job_id=ended,
            result=scan_pb2.ScanResult(
                classification=scan_pb2.Classification(
                    major_category="재활용폐기물", middle_category="무색페트병"
                ),
                user_input=f"질문 {mark}",
            ),
        )
    )
    for comment in ("처음", "다시"):
        await world.scan.SubmitCorrection(
            scan_pb.SubmitCorrectionRequest(
                job_id=ended,
                classification=scan_pb2.Classification(major_category="재활용폐기물"),
                comment=f"{comment} {mark}",
            ),
            metadata=person.metadata,
        )
    running = await world.submit(person, photos[1].cdn_url)
    redis = world.context.redis()
    await ProgressPublisher(redis).publish(
        ProgressEvent(
            job_id=ended, stage="done", status="completed", result=json.dumps({"a": mark})
        ),
        ProgressEvent(job_id=running, stage="vision", status="started"),
    )
    await Checkpoints(redis).put(running, "vision", mark.encode())
    talks = await talk(world, person, mark, photos[1].cdn_url)
    producer = await shared_producer(world.context)
    await producer.send(REWARD_GRANTED, person.user_id, reward(person.user_id, ended))

    async def earned() -> bool:
        return await points(world, person) == 15

    await until(earned, within_seconds=30)
    texts = [person.user_id, person.provider_user_id, person.session_id, mark, phone, ended,
             running, *talks, *(photo.key for photo in photos)]  # fmt: skip
    return Life(person, ended, [running, *talks[1:]], [photo.key for photo in photos], texts)


async def talk(world: World, person: Person, mark: str, image_url: str) -> list[str]:
    """A deleted chat and one that goes on; an answered turn, one that runs and one that waits."""
    jobs = []
    for number in range(2):
        chat = await world.chat.CreateChat(
            chat_pb.CreateChatRequest(title=f"제목 {mark}"), metadata=person.metadata
        )
        jobs = [await world.talk(person, chat.id, f"{n} {mark}", image_url) for n in range(3)]
        answer = chat_pb2.AssistantAnswer(
            content=f"답 {mark}", intent="waste", metadata_json=json.dumps({"a": mark}),
            summary=f"요약 {mark}", summarised_messages=1,
        )  # fmt: skip
        await world.chat.AppendTurn(chat_pb.AppendTurnRequest(job_id=jobs[0], answer=answer))
        await world.chat.ParkTurn(
            chat_pb.ParkTurnRequest(
                job_id=jobs[2], round=1, input_type="location", question=f"어디? {mark}",
                state=mark.encode(), wait_seconds=3600,
            )
        )  # fmt: skip
        if number == 0:
            await world.chat.DeleteChat(
                chat_pb.DeleteChatRequest(chat_id=chat.id), metadata=person.metadata
            )
    return jobs


async def stored(world: World) -> set[str]:
    """Keys of all objects in the bucket."""
    store = ObjectStore(world.context.settings(ImagesSettings))
    try:
        found: set[str] = set()
        after = ""
        while True:
            page = await store.list("scan/", after=after)
            found |= {item.key for item in page.objects}
            if page.last_key is None:
                return found
            after = page.last_key
    finally:
        await store.close()


async def test_nothing_of_a_deleted_user_is_left(world: World) -> None:
    gone, other = await live(world), await live(world)
    redis = world.context.redis()
    before = await in_tables(world.database, gone.texts)
    assert set(before) >= {
        "auth.login_audits", "auth.sessions", "chat.chats", "chat.idempotency_keys",
        "chat.messages", "chat.turns", "images.uploads", "scan.corrections",
        "scan.idempotency_keys", "scan.jobs", "users.accounts", "users.point_entries",
        "users.social_accounts", "users.user_characters",
    }  # fmt: skip  # the search finds what is there
    assert await in_redis(redis, gone.texts)
    assert set(gone.object_keys) <= await stored(world)
    others = await in_tables(world.database, other.texts)

    await world.users.DeleteMe(users_pb.DeleteMeRequest(), metadata=gone.person.metadata)
    async with Refused("USER_NOT_FOUND"):
        await points(world, gone.person)

    async def nowhere() -> bool:
        return not await in_tables(world.database, gone.texts)

    await until(nowhere, within_seconds=30)
    assert not set(gone.object_keys) & await stored(world)
    # Of the jobs that were being worked on marks stay for an hour that name nobody.
    marks = {keys.state(job_id): [job_id] for job_id in gone.running}
    assert await in_redis(redis, gone.texts) == marks
    for mark in marks:
        assert set(await redis.hgetall(mark)) == {b"ended", b"erased"}
        assert 0 < await redis.ttl(mark) <= 3600

    assert await in_tables(world.database, other.texts) == others
    assert set(other.object_keys) <= await stored(world)
    assert await points(world, other.person) == 15


async def test_what_arrives_for_a_deleted_user_later_is_dropped(world: World) -> None:
    person = await world.sign_in()
    await world.users.DeleteMe(users_pb.DeleteMeRequest(), metadata=person.metadata)

    def dropped() -> float:
        return REGISTRY.get_sample_value("ownership_grants_total", {"outcome": "dropped"}) or 0

    before = dropped()
    producer = await shared_producer(world.context)
    fact = reward(person.user_id, str(uuid.uuid4()))
    await producer.send(REWARD_GRANTED, person.user_id, fact)

    async def handled() -> bool:
        return dropped() > before and not await in_tables(world.database, [person.user_id])

    await until(handled, within_seconds=30)
    answer = await world.users.AddPoints(
        users_pb.AddPointsRequest(user_id=person.user_id, points=1, reason="scan", reference="x")
    )
    assert not answer.booked
    assert not await in_tables(world.database, [person.user_id])


async def test_stages_can_say_nothing_more_about_an_erased_job(world: World) -> None:
    person = await world.sign_in()
    job_id = await world.submit(person, (await world.upload(person)).cdn_url)
    await world.scan.EraseUser(scan_pb.EraseUserRequest(user_id=person.user_id))
    redis = world.context.redis()
    publisher = ProgressPublisher(redis)
    assert await publisher.open_job(
        job_id,
        domain="scan",
        user_id=person.user_id,
        events=(ProgressEvent(job_id=job_id, stage="vision", status="completed"),),
    ) == [None]
    assert await in_redis(redis, [person.user_id]) == {}
    async with Refused("JOB_NOT_FOUND"):
        await world.scan.CompleteJob(
            scan_pb.CompleteJobRequest(job_id=job_id, result=scan_pb2.ScanResult())
        )


async def test_erasing_again_and_at_once_is_harmless(world: World) -> None:
    person = await world.sign_in()
    photo = await world.upload(person)
    jobs = [await world.submit(person, photo.cdn_url) for _ in range(5)]
    request = scan_pb.EraseUserRequest(user_id=person.user_id)
    answers = await asyncio.gather(*(world.scan.EraseUser(request) for _ in range(4)))
    assert sum(answer.erased for answer in answers) == len(jobs) * 2  # and as many keys
    assert (await world.scan.EraseUser(request)).erased == 0


async def test_a_second_fact_of_the_same_deletion_changes_nothing(world: World) -> None:
    person, other = await world.sign_in(), await world.sign_in()
    await world.users.DeleteMe(users_pb.DeleteMeRequest(), metadata=person.metadata)

    def asked() -> float:
        labels = {"domain": "images", "outcome": "done"}
        return REGISTRY.get_sample_value("erasure_calls_total", labels) or 0

    await until(_gone(world, person), within_seconds=30)
    before = asked()
    fact = identity_events_pb2.UserDeleted(user_id=person.user_id)
    await (await shared_producer(world.context)).send(USER_DELETED, person.user_id, fact)

    async def again() -> bool:
        return asked() > before

    await until(again, within_seconds=30)
    assert await points(world, other) == 0


def _gone(world: World, person: Person) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return not await in_tables(world.database, [person.user_id])

    return probe


async def test_without_redis_the_rows_stay_for_the_next_attempt(
    parts: EphemeralParts, world: World
) -> None:
    person = await world.sign_in()
    job_id = await world.submit(person, (await world.upload(person)).cdn_url)
    database = await asyncpg.create_pool(
        parts.postgres_url("erasure"),
        min_size=0,
        max_size=1,
        server_settings={"search_path": "scan"},
    )
    nowhere = Redis.from_url("redis://127.0.0.1:1/0")
    endings = Endings(ProgressPublisher(nowhere), "scan", budget_seconds=1.0)
    with pytest.raises(ProgressUnavailable):
        await Erasure(database, nowhere, endings).erase(uuid.UUID(person.user_id))
    found = await in_tables(world.database, [job_id])
    assert set(found) == {"scan.jobs", "scan.idempotency_keys"}
    request = scan_pb.EraseUserRequest(user_id=person.user_id)
    assert (await world.scan.EraseUser(request)).erased == 2
    await nowhere.aclose()
    await database.close()


async def test_chats_can_be_erased_again_and_at_once(world: World) -> None:
    person = await world.sign_in()
    chat = await world.chat.CreateChat(chat_pb.CreateChatRequest(), metadata=person.metadata)
    for number in range(5):
        await world.talk(person, chat.id, f"{number}")
    request = chat_pb.EraseUserRequest(user_id=person.user_id)
    answers = await asyncio.gather(*(world.chat.EraseUser(request) for _ in range(4)))
    # the chat, and of each message its row, its turn, its key, and its record if it was not sent
    assert 1 + 5 * 3 <= sum(answer.erased for answer in answers) <= 1 + 5 * 4
    assert (await world.chat.EraseUser(request)).erased == 0
    async with Refused("CHAT_NOT_FOUND"):
        await world.talk(person, chat.id, "아직 있나요?")

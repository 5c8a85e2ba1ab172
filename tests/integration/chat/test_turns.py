"""Turns from the accepted message to every end they can take."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from eco2.chat.v1 import chat_pb2
from eco2.chat.v1 import chat_service_pb2 as pb
from google.protobuf.json_format import MessageToDict

from services.chat import ended
from tests.integration.backend import Refused
from tests.integration.chat.conftest import World, as_user, new_user
from tests.wait import until

pytestmark = pytest.mark.parts


@pytest.fixture
async def talk(world: World) -> tuple[str, str]:
    """A user and a chat of theirs."""
    user = new_user()
    return user, await world.new_chat(user)


class TestAcceptance:
    async def test_message_is_stored_queued_and_sent(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        url = await world.upload(user)
        place = chat_pb2.GeoPoint(latitude=37.5, longitude=127.0)
        job_id = await world.send(
            user, chat_id, "이거?", image_url=url, user_location=place, model="gpt-5.2"
        )
        (event,) = await world.events(job_id)
        assert (event.stage, event.status, event.seq) == ("queued", "started", 0)
        record = await world.records.next(job_id)
        assert (record.chat_id, record.user_id, record.message) == (chat_id, user, "이거?")
        assert (record.image_url, record.image_content_type) == (url, "image/jpeg")
        assert url.endswith(record.image_key)
        assert (record.user_location, record.model) == (place, "gpt-5.2")
        assert not record.HasField("input")
        assert record.deadline_ms - record.submitted_at_ms == 300_000
        headers = world.records.headers[job_id]
        assert headers["eco2-deadline"] == str(record.deadline_ms).encode()
        (message,) = (await world.read(user, chat_id)).messages
        assert message.created_at.ToMilliseconds() == record.submitted_at_ms
        assert message.image_url == url
        assert message.id == str(uuid.uuid5(uuid.UUID(job_id), "user"))
        turn = await world.turn(job_id)
        assert (turn.status, turn.round, turn.user_id) == ("accepted", 0, user)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"message": ""}, "MESSAGE_REQUIRED"),
            ({"message": " \n\t　"}, "MESSAGE_REQUIRED"),
            ({"message": "\u200b\ufeff"}, "MESSAGE_REQUIRED"),
            ({"message": "\0"}, "MESSAGE_REQUIRED"),
            ({"message": "가" * 20_000}, "VALIDATION_FAILED"),
            ({"image_url": "https://evil.example/chat/a.jpg"}, "IMAGE_URL_NOT_ALLOWED"),
            ({"image_url": "http://169.254.169.254/latest"}, "IMAGE_URL_NOT_ALLOWED"),
            ({"image_url": "페트병.jpg"}, "VALIDATION_FAILED"),
            ({"model": "gpt-1"}, "UNSUPPORTED_MODEL"),
            ({"user_location": {"latitude": 91.0}}, "VALIDATION_FAILED"),
            ({"user_location": {"latitude": float("nan")}}, "VALIDATION_FAILED"),
        ],
    )
    async def test_bad_message_is_refused_and_leaves_nothing(
        self, world: World, talk: tuple[str, str], fields: dict[str, Any], reason: str
    ) -> None:
        user, chat_id = talk
        async with Refused(reason):
            await world.send(user, chat_id, **{"message": "페트병", **fields})
        assert (await world.chats(user)).chats[0].message_count == 0

    @pytest.mark.parametrize("message", ["♻️", "?", "가" * 4000])
    async def test_short_and_long_messages_are_accepted(
        self, world: World, talk: tuple[str, str], message: str
    ) -> None:
        user, chat_id = talk
        await world.send(user, chat_id, message)
        assert (await world.read(user, chat_id)).messages[0].content == message

    async def test_picture_alone_is_a_message(self, world: World, talk: tuple[str, str]) -> None:
        user, chat_id = talk
        job_id = await world.send(user, chat_id, "", image_url=await world.upload(user))
        assert (await world.records.next(job_id)).message == ""
        assert (await world.read(user, chat_id)).messages[0].content == ""

    async def test_picture_that_is_none_is_refused(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        url = await world.upload(user, b"no picture")
        async with Refused("IMAGE_TYPE_UNSUPPORTED"):
            await world.send(user, chat_id, image_url=url)

    async def test_messages_at_once_keep_one_order_everywhere(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        await asyncio.gather(*(world.send(user, chat_id, f"{n}") for n in range(20)))
        page = await world.read(user, chat_id)
        times = [message.created_at.ToMilliseconds() for message in page.messages]
        assert times == sorted(set(times))
        assert len(times) == 20
        records = world.records
        await until(lambda: len(records.of_chat(chat_id)) >= 20, what="20 records")
        shown = [message.content for message in page.messages]
        assert [record.message for record in records.of_chat(chat_id)] == shown

    async def test_more_than_sixty_a_minute_are_refused(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        chats = [await world.new_chat(user) for _ in range(8)]
        for n in range(60):
            await world.send(user, chats[n % 8])
        async with Refused("RATE_LIMITED") as refusal:
            await world.send(user, chats[0])
        assert refusal.metadata["limit"] == "60"


class TestIdempotency:
    async def test_twenty_at_once_make_one_turn(self, world: World, talk: tuple[str, str]) -> None:
        user, chat_id = talk
        jobs = await asyncio.gather(
            *(world.send(user, chat_id, headers={"x_idempotency_key": "k"}) for _ in range(20))
        )
        assert len(set(jobs)) == 1
        assert len((await world.read(user, chat_id)).messages) == 1

    async def test_another_payload_is_refused_and_another_user_is_not(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        headers = {"x_idempotency_key": "k"}
        await world.send(user, chat_id, headers=headers)
        place = chat_pb2.GeoPoint()
        changes: list[dict[str, Any]] = [
            {"message": "캔"}, {"model": "gpt-5"}, {"user_location": place},
        ]  # fmt: skip
        for fields in changes:
            async with Refused("IDEMPOTENCY_KEY_REUSED"):
                await world.send(user, chat_id, headers=headers, **{"message": "페트병", **fields})
        other = new_user()
        await world.send(other, await world.new_chat(other), headers=headers)

    async def test_refused_message_leaves_the_key_free(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        headers = {"x_idempotency_key": "k"}
        async with Refused("CHAT_NOT_FOUND"):
            await world.send(user, str(uuid.uuid4()), headers=headers)
        await world.send(user, chat_id, headers=headers)


class TestAnswer:
    async def test_result_is_what_the_app_needs_and_history_says_the_same(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        job_id = await world.send(user, chat_id, "페트병은?")
        turn = await world.append(
            job_id,
            "**헹궈서** 배출해요.\n\n1. 라벨",
            metadata_json='{"citations":[{"title":"무색페트병"}],"n":1}',
            grade="A",
            score=81.5,
        )
        assert turn.status == "completed"
        result = json.loads(turn.result_json)
        asked, answered = (await world.read(user, chat_id)).messages
        assert result == {
            "intent": "waste",
            "answer": answered.content,
            "eval": {"grade": "A", "score": 81.5},
            "persistence": {
                "conversation_id": chat_id,
                "user_id": user,
                "user_message_created_at": asked.created_at.ToJsonString(),
                "user_image_url": None,
                "assistant_message_created_at": answered.created_at.ToJsonString(),
                "intent": "waste",
                "metadata": {"citations": [{"title": "무색페트병"}], "n": 1},
            },
        }
        assert answered.id == str(uuid.uuid5(uuid.UUID(job_id), "assistant"))
        assert (answered.role, answered.intent) == ("assistant", "waste")
        assert MessageToDict(answered.metadata) == result["persistence"]["metadata"]
        (chat,) = (await world.chats(user)).chats
        assert (chat.preview, chat.message_count) == ("**헹궈서** 배출해요.\n\n1. 라벨", 2)
        assert chat.last_message_at == answered.created_at

    async def test_preview_is_the_first_hundred_characters(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        await world.append(await world.send(user, chat_id), "가" * 150)
        assert (await world.chats(user)).chats[0].preview == "가" * 100

    async def test_first_answer_wins(self, world: World, talk: tuple[str, str]) -> None:
        user, chat_id = talk
        job_id = await world.send(user, chat_id)
        turns = await asyncio.gather(*(world.append(job_id, f"답 {n}") for n in range(8)))
        assert len({turn.SerializeToString() for turn in turns}) == 1
        assert (await world.fail(job_id)) == turns[0]
        assert (await world.park(job_id)) == turns[0]
        assert len((await world.read(user, chat_id)).messages) == 2

    async def test_nothing_counts_after_a_failure(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        job_id = await world.send(user, chat_id)
        turn = await world.fail(job_id)
        assert (turn.status, turn.error_reason) == ("failed", "MODEL_UNAVAILABLE")
        assert turn.error_message.startswith("AI 모델")
        assert await world.append(job_id) == turn
        assert await world.fail(job_id, "STAGE_FAILED", "다른 이유") == turn
        assert len((await world.read(user, chat_id)).messages) == 1

    async def test_failure_says_what_the_worker_says(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        turn = await world.fail(await world.send(*talk), "STAGE_FAILED", "잠시 뒤에요.")
        assert turn.error_message == "잠시 뒤에요."

    @pytest.mark.parametrize(
        "metadata", ["[]", "{", '{"a":NaN}', '{"a":"\\ud800"}', "[" * 5000, '"text"']
    )
    async def test_metadata_that_are_no_json_object_are_refused(
        self, world: World, talk: tuple[str, str], metadata: str
    ) -> None:
        job_id = await world.send(*talk)
        async with Refused("VALIDATION_FAILED"):
            await world.append(job_id, metadata_json=metadata)
        assert (await world.turn(job_id)).status == "accepted"

    async def test_nul_is_dropped_and_everything_agrees(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        turn = await world.append(
            await world.send(user, chat_id), "헹\0궈요", metadata_json='{"a":"\\u0000"}'
        )
        assert json.loads(turn.result_json)["answer"] == "헹궈요"
        assert (await world.read(user, chat_id)).messages[1].content == "헹궈요"

    async def test_unknown_turns_and_reasons(self, world: World, talk: tuple[str, str]) -> None:
        unknown = str(uuid.uuid4())
        for call in (
            world.turn(unknown), world.turn("no-uuid-but-long"), world.append(unknown),
            world.fail(unknown), world.park(unknown), world.begin(unknown),
        ):  # fmt: skip
            async with Refused("JOB_NOT_FOUND"):
                await call
        job_id = await world.send(*talk)
        for reason in ("NO_SUCH_REASON", "UNSPECIFIED"):
            async with Refused("VALIDATION_FAILED"):
                await world.fail(job_id, reason)


class TestMemory:
    async def test_turn_sees_what_came_before_it_and_nothing_later(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        first = await world.send(user, chat_id, "하나")
        second = await world.send(user, chat_id, "둘")
        third = await world.send(user, chat_id, "셋")
        assert list((await world.begin(first)).history) == []
        assert not (await world.begin(first)).HasField("recent_confidence")
        await world.append(first, "답 하나", intent="waste", intent_confidence=0.72)
        await world.fail(second)
        begun = await world.begin(third)
        assert [(past.content, past.position) for past in begun.history] == [
            ("하나", 1), ("답 하나", 2), ("둘", 3),
        ]  # fmt: skip
        assert list(begun.recent_intents) == ["waste"]
        assert begun.recent_confidence == 0.72
        assert begun.turn.message == "셋"
        shown = (await world.read(user, chat_id)).messages
        assert begun.user_message_at == shown[2].created_at
        assert [message.content for message in shown] == ["하나", "둘", "셋", "답 하나"]

    async def test_summary_takes_the_place_of_what_it_covers(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        for number in range(1, 4):
            job_id = await world.send(*talk, f"{number}")
            covered = {"summary": "요약", "summarised_messages": 3} if number == 3 else {}
            await world.append(job_id, f"답 {number}", **covered)
        begun = await world.begin(await world.send(*talk, "4"))
        assert (begun.summary, begun.summarised_messages) == ("요약", 3)
        assert [past.content for past in begun.history] == ["답 2", "3", "답 3"]
        begun = await world.begin(begun.turn.job_id, most=1)
        assert [past.content for past in begun.history] == ["답 3"]

    async def test_older_summary_does_not_replace_a_newer_one(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        first, second = await world.send(*talk), await world.send(*talk)
        await world.append(second, summary="neu", summarised_messages=2)
        await world.append(first, summary="alt", summarised_messages=1)
        begun = await world.begin(await world.send(*talk))
        assert (begun.summary, begun.summarised_messages) == ("neu", 2)


class TestWaiting:
    async def test_input_sends_the_turn_on_with_what_was_worked_out(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        job_id = await world.send(*talk)
        assert (await world.park(job_id)).status == "waiting"
        answer = await world.input(user, job_id, "location", latitude=37.5, longitude=127, x="y")
        assert (answer.status, answer.job_id) == ("received", job_id)
        record = await world.records.next(job_id, 2)
        assert (record.input.type, record.input.state, record.input.round) == (
            "location", b"so far", 1,
        )  # fmt: skip
        assert json.loads(record.input.data_json) == {"latitude": 37.5, "longitude": 127.0}
        assert record.deadline_ms > (await world.records.next(job_id)).deadline_ms
        turn = await world.turn(job_id)
        assert (turn.status, turn.round) == ("accepted", 1)

    async def test_late_record_of_an_earlier_round_parks_nothing(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        job_id = await world.send(*talk)
        await world.park(job_id)
        again = await world.park(job_id)
        assert (again.status, again.round) == ("waiting", 1)
        await world.input(user, job_id, "cancel")
        assert (await world.park(job_id)).status == "accepted"
        assert (await world.begin(job_id)).turn.round == 1
        assert (await world.park(job_id, 3)).round == 1, "no round is left out"
        assert (await world.park(job_id, 2)).status == "waiting"

    async def test_same_input_twice_is_one_and_another_is_refused(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        job_id = await world.send(*talk)
        await world.park(job_id, input_type="selection")
        await asyncio.gather(
            *(world.input(user, job_id, "selection", value="가") for _ in range(5))
        )
        async with Refused("TURN_NOT_WAITING") as refusal:
            await world.input(user, job_id, "selection", value="나")
        assert refusal.metadata["status"] == "accepted"
        await world.append(job_id)
        await world.input(user, job_id, "selection", value="가")
        other = await world.send(*talk)
        await world.records.next(other)
        assert len(world.records.of(job_id)) == 2

    async def test_input_of_another_type_or_shape_is_refused(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        job_id = await world.send(*talk)
        async with Refused("TURN_NOT_WAITING"):
            await world.input(user, job_id, "cancel")
        await world.park(job_id)
        async with Refused("TURN_NOT_WAITING"):
            await world.input(user, job_id, "confirmation", confirmed=True)
        for data in ({}, {"latitude": 91, "longitude": 0}, {"latitude": "x", "longitude": 1}):
            async with Refused("VALIDATION_FAILED"):
                await world.input(user, job_id, "location", **data)
        async with Refused("VALIDATION_FAILED"):
            await world.input(user, job_id, "expired")
        assert (await world.turn(job_id)).status == "waiting"

    async def test_turn_that_waited_long_enough_goes_on_without(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        job_id = await world.send(*talk)
        await world.park(job_id, wait_seconds=1)
        record = await world.records.next(job_id, 2)
        assert (record.input.type, record.input.state) == ("expired", b"so far")
        async with Refused("TURN_NOT_WAITING"):
            await world.input(user, job_id, "cancel")
        assert (await world.turn(job_id)).status == "accepted"

    async def test_answer_may_come_while_it_waits(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, _ = talk
        job_id = await world.send(*talk)
        await world.park(job_id)
        assert (await world.append(job_id)).status == "completed"
        async with Refused("TURN_NOT_WAITING"):
            await world.input(user, job_id, "cancel")


class TestEnds:
    async def test_deleting_the_chat_cancels_what_runs_and_tells_everybody(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        answered, running, parked = [await world.send(*talk) for _ in range(3)]
        await world.append(answered)
        await world.park(parked)
        await world.delete(user, chat_id)
        for job_id in (running, parked):
            turn = await world.turn(job_id)
            assert (turn.status, turn.error_message) == ("cancelled", "삭제된 대화입니다.")
            assert (await world.append(job_id)).status == "cancelled"
            assert (await world.begin(job_id)).turn.status == "cancelled"
            last = (await world.events(job_id))[-1]
            assert (last.stage, last.status, last.message) == (
                "done", "failed", "삭제된 대화입니다.",
            )  # fmt: skip
        assert (await world.turn(answered)).status == "completed"
        async with Refused("TURN_NOT_WAITING"):
            await world.input(user, parked, "cancel")

    async def test_deleted_chat_is_gone_for_good_after_a_month(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        user, chat_id = talk
        job_id = await world.send(*talk)
        await world.append(job_id)
        kept = await world.new_chat(user)
        for one in (chat_id, kept):
            await world.delete(user, one)
        await world.pool.execute(
            "UPDATE chats SET deleted_at = now() - interval '31 days' WHERE chat_id = $1", chat_id
        )

        async def rows() -> list[str]:
            found = await world.pool.fetch("SELECT chat_id FROM chats WHERE user_id = $1", user)
            return [str(row["chat_id"]) for row in found]

        async def gone() -> bool:
            return chat_id not in await rows()

        await until(gone)
        assert await rows() == [kept]
        async with Refused("JOB_NOT_FOUND"):
            await world.turn(job_id)

    async def test_turn_past_its_deadline_fails_and_its_watchers_learn_it(
        self, world: World, talk: tuple[str, str]
    ) -> None:
        late, waiting = [await world.send(*talk) for _ in range(2)]
        await world.park(waiting)
        await world.pool.execute("UPDATE turns SET deadline_at = now() WHERE user_id = $1", talk[0])

        async def told() -> bool:
            return (await world.events(late))[-1].is_terminal

        await until(told)
        turn = await world.turn(late)
        assert (turn.status, turn.error_reason) == ("failed", "JOB_DEADLINE_EXCEEDED")
        last = (await world.events(late))[-1]
        assert (last.status, last.message) == ("failed", turn.error_message)
        assert (await world.turn(waiting)).status == "waiting", "its time is the user's"


class TestAskOnce:
    async def ask(self, world: World, user: str, **fields: Any) -> Any:
        return await world.chat.AskOnce(
            pb.AskOnceRequest(**{"message": "페트병은?", **fields}), metadata=as_user(user)
        )

    async def next_of(self, world: World, user: str) -> Any:
        found = await until(lambda: [r for r in world.records.all if r.user_id == user])
        return found[-1]

    async def test_answer_comes_in_one_call(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ended, "LOOK_SECONDS", 3600.0)  # it is woken, it does not poll
        user = new_user()
        call = world.chat.AskOnce(pb.AskOnceRequest(message="페트병은?"), metadata=as_user(user))
        waiting = asyncio.ensure_future(call)
        record = await self.next_of(world, user)
        metadata = {
            "disposal_steps": ["비운다", "헹군다"],
            "insufficiencies": ["사진 한 장 더"],
            "classification": {"major_category": "재활용폐기물", "other": 1},
        }
        turn = await world.append(record.job_id, "헹궈요", metadata_json=json.dumps(metadata))
        answer = await waiting
        assert dict(await call.initial_metadata())["x-http-status"] == "201"
        assert answer.user_answer == "헹궈요"
        assert [(step.step, step.instruction) for step in answer.disposal_steps] == [
            (1, "비운다"), (2, "헹군다"),
        ]  # fmt: skip
        assert list(answer.insufficiencies) == ["사진 한 장 더"]
        assert answer.metadata.pipeline_type == "text"
        assert answer.metadata.processed_at == turn.finished_at
        assert MessageToDict(answer.metadata.classification) == {"major_category": "재활용폐기물"}
        assert list((await world.chats(user)).chats) == []
        async with Refused("CHAT_NOT_FOUND"):
            await world.read(user, record.chat_id)

    async def test_failure_is_its_reason(self, world: World) -> None:
        user = new_user()
        waiting = asyncio.ensure_future(self.ask(world, user))
        # no reason that says UNAVAILABLE: channels between services would ask again
        await world.fail((await self.next_of(world, user)).job_id, "MODEL_REJECTED")
        async with Refused("MODEL_REJECTED"):
            await waiting

    async def test_nobody_is_asked_back(self, world: World) -> None:
        user = new_user()
        waiting = asyncio.ensure_future(self.ask(world, user))
        record = await self.next_of(world, user)
        await world.park(record.job_id, wait_seconds=3600)
        assert (await world.records.next(record.job_id, 2)).input.type == "expired"
        await world.append(record.job_id)
        assert not (await waiting).disposal_steps

    async def test_asker_who_leaves_takes_the_question_along(self, world: World) -> None:
        user = new_user()
        call = world.chat.AskOnce(pb.AskOnceRequest(message="?"), metadata=as_user(user))
        record = await self.next_of(world, user)
        call.cancel()

        async def cancelled() -> bool:
            return bool((await world.turn(record.job_id)).status == "cancelled")

        await until(cancelled)

    async def test_bad_questions(self, world: World) -> None:
        for fields, reason in (
            ({"message": ""}, "MESSAGE_REQUIRED"),
            ({"message": "가" * 1001}, "VALIDATION_FAILED"),
            ({"temperature": 3.0}, "VALIDATION_FAILED"),
            ({"image_url": "https://evil.example/a.jpg"}, "IMAGE_URL_NOT_ALLOWED"),
        ):
            async with Refused(reason):
                await self.ask(world, new_user(), **fields)

    async def test_what_was_asked_is_forgotten(self, world: World) -> None:
        user = new_user()
        waiting = asyncio.ensure_future(self.ask(world, user))
        record = await self.next_of(world, user)
        await world.append(record.job_id)
        await waiting
        await world.pool.execute(
            "UPDATE chats SET created_at = now() - interval '61 min' WHERE chat_id = $1",
            record.chat_id,
        )

        async def gone() -> bool:
            found = await world.pool.fetchval(
                "SELECT count(*) FROM messages WHERE chat_id = $1", record.chat_id
            )
            return bool(found == 0)

        await until(gone)

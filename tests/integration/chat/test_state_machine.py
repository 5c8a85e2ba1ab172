"""Everything that can happen to turns, in any order, beside a model of what must come of it.

The model is written from the promises alone: the first end wins, a round is answered once, every
turn that is with the worker has had a record that says so, and a chat's messages and records are in
one order.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import asyncpg
import pytest
from eco2.chat.v1 import chat_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.pipeline.v1 import chat_turn_pb2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mesh.local.ephemeral import EphemeralParts
from services.chat import sweeps
from services.chat.store import ChatStore
from services.chat.turn import Picture, Question
from services.chat.turns import Accepted, TurnStore
from services.chat.waiting import Waits
from services.runtime.errors import DomainError
from services.runtime.outbox import Message, Outbox
from tests.serving import migrated

pytestmark = pytest.mark.parts

T = TypeVar("T")
HOUR = timedelta(hours=1)
ENDED = ("completed", "failed", "cancelled")
PICK = st.integers(0, 59)
NOT_WAITING = ErrorReason.ERROR_REASON_TURN_NOT_WAITING


class World:
    """The stores on PostgreSQL, and the records that were sent."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.runner = runner
        self.sent: list[chat_turn_pb2.ChatTurn] = []
        self.pool = self.run(self._pool(url))
        self.outbox = Outbox("chat", self.pool, self._send)
        self.chats = ChatStore(self.pool)
        self.turns = TurnStore(self.pool, self.outbox)
        self.waits = Waits(self.pool, self.outbox)

    async def _pool(self, url: str) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            url, min_size=0, max_size=8, server_settings={"search_path": "chat"}
        )

    async def _send(self, message: Message, timeout_seconds: float) -> None:
        self.sent.append(chat_turn_pb2.ChatTurn.FromString(message.payload))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


@dataclass
class Expected:
    """A turn as the promises have it."""

    chat_id: uuid.UUID
    user_id: uuid.UUID
    text: str
    status: str = "accepted"
    round: int = 0
    input: str = ""
    answer: str = ""


class Machine(RuleBasedStateMachine):
    world: ClassVar[World]
    steps: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        self.user = uuid.uuid4()
        self.model: dict[uuid.UUID, Expected] = {}
        self.deleted: set[uuid.UUID] = set()
        self.records: dict[uuid.UUID, list[tuple[str, int]]] = defaultdict(list)
        self.world.sent.clear()
        self.chat_ids = [
            self.world.run(self.world.chats.create(self.user, None)).chat_id for _ in range(2)
        ]

    def picked(self, pick: int) -> uuid.UUID:
        """A turn: mostly one of the latest that have not ended, or no story would get far."""
        open_ones = [one for one, turn in self.model.items() if turn.status not in ENDED]
        if pick % 6 == 0 or not open_ones:
            return list(self.model)[pick % len(self.model)]
        return open_ones[-2:][pick % len(open_ones[-2:])]

    @rule(which=st.integers(0, 1), at_once=st.integers(1, 3))
    def send(self, which: int, at_once: int) -> None:
        chat_id = self.chat_ids[which]
        if chat_id in self.deleted:
            self.chat_ids[which] = chat_id = self.world.run(
                self.world.chats.create(self.user, None)
            ).chat_id
        questions = [
            Question(
                job_id=uuid.uuid4(),
                chat_id=chat_id,
                user_id=self.user,
                message=uuid.uuid4().hex,
                picture=Picture(),
            )
            for _ in range(at_once)
        ]

        async def accept() -> list[Accepted]:
            accepted = await asyncio.gather(
                *(self.world.turns.accept(question, HOUR) for question in questions)
            )
            accepted.sort(key=lambda one: one.turn.number)
            for one in accepted:
                await self.world.outbox.publish(one.entries)
            await self._drain()
            return accepted

        for one in self.world.run(accept()):
            turn = one.turn
            self.model[turn.job_id] = Expected(chat_id, self.user, turn.message)
            self.records[chat_id].append((str(turn.job_id), 0))

    @precondition(lambda self: self.model)
    @rule(pick=PICK, stale=st.booleans())
    def park(self, pick: int, stale: bool) -> None:
        job_id = self.picked(pick)
        turn = self.model[job_id]
        round_ = max(1, turn.round) if stale else turn.round + 1
        parked = self.world.run(
            self.world.waits.park(job_id, round_, "location", "어디?", str(round_).encode(), HOUR)
        )
        if turn.status == "accepted" and round_ == turn.round + 1:
            assert parked is not None
            turn.status, turn.round = "waiting", round_
        else:
            assert parked is None

    @precondition(lambda self: self.model)
    @rule(pick=PICK, kind=st.sampled_from(["location", "cancel", "selection"]))
    def answer(self, pick: int, kind: str) -> None:
        job_id = self.picked(pick)
        turn = self.model[job_id]
        fits = turn.status == "waiting" and kind != "selection"
        repeats = turn.status != "waiting" and turn.input == kind

        async def both() -> list[Any]:
            async def one() -> Any:
                entries = await self.world.waits.answer(job_id, self.user, kind, "{}", HOUR)
                await self.world.outbox.publish(entries)
                return entries

            found = await asyncio.gather(one(), one(), return_exceptions=True)
            await self._drain()
            return list(found)

        found = self.world.run(both())
        if fits:
            assert sorted(len(entries) for entries in found) == [0, 1]
            turn.status, turn.input = "accepted", kind
            self.records[turn.chat_id].append((str(job_id), turn.round))
        elif repeats:
            assert found == [(), ()]
        else:
            for error in found:
                assert isinstance(error, DomainError)
                assert error.reason == NOT_WAITING

    @precondition(lambda self: self.model)
    @rule(pick=PICK)
    def expire(self, pick: int) -> None:
        job_id = self.picked(pick)

        async def sweep() -> int:
            async with self.world.pool.acquire() as connection:
                entries = await sweeps.expire(connection, self.world.outbox, job_id, HOUR)
            await self.world.outbox.publish(entries)
            await self._drain()
            return len(entries)

        turn = self.model[job_id]
        assert self.world.run(sweep()) == (turn.status == "waiting")
        if turn.status == "waiting":
            turn.status, turn.input = "accepted", "expired"
            self.records[turn.chat_id].append((str(job_id), turn.round))

    @precondition(lambda self: self.model)
    @rule(pick=PICK, text=st.sampled_from(["하나", "둘"]))
    def append(self, pick: int, text: str) -> None:
        job_id = self.picked(pick)

        def answer() -> chat_pb2.AssistantAnswer:
            return chat_pb2.AssistantAnswer(content=text, intent="waste")

        async def twice() -> list[Any]:
            return await asyncio.gather(
                *(self.world.turns.complete(job_id, answer()) for _ in range(2))
            )

        stored = [turn for turn in self.world.run(twice()) if turn is not None]
        turn = self.model[job_id]
        assert len(stored) == (turn.status not in ENDED), "the first answer wins, and only it"
        if stored:
            turn.status, turn.answer = "completed", text

    @precondition(lambda self: self.model)
    @rule(pick=PICK)
    def fail(self, pick: int) -> None:
        job_id = self.picked(pick)
        turn = self.model[job_id]
        failed = self.world.run(self.world.turns.fail(job_id, "STAGE_FAILED"))
        assert (failed is not None) == (turn.status not in ENDED)
        if failed is not None:
            turn.status = "failed"

    @precondition(lambda self: self.model)
    @rule(pick=PICK)
    def overdue(self, pick: int) -> None:
        job_id = self.picked(pick)

        async def sweep() -> list[uuid.UUID]:
            await self.world.pool.execute(
                "UPDATE turns SET deadline_at = now() WHERE job_id = $1", job_id
            )
            async with self.world.pool.acquire() as connection:
                return await sweeps.fail_overdue(connection, "JOB_DEADLINE_EXCEEDED", 10)

        turn = self.model[job_id]
        assert self.world.run(sweep()) == ([job_id] if turn.status == "accepted" else [])
        if turn.status == "accepted":
            turn.status = "failed"

    @precondition(lambda self: self.model)
    @rule(pick=PICK, race=st.booleans())
    def delete(self, pick: int, race: bool) -> None:
        """Delete the chat of a turn, possibly while its answer is being stored."""
        job_id = self.picked(pick)
        chat_id = self.model[job_id].chat_id
        answer = chat_pb2.AssistantAnswer(content="경합", intent="waste")

        async def both() -> list[Any]:
            works: list[Coroutine[Any, Any, Any]] = [self.world.chats.delete(chat_id, self.user)]
            if race:
                works.append(self.world.turns.complete(job_id, answer))
            return await asyncio.gather(*works)

        cancelled, *completed = self.world.run(both())
        if chat_id in self.deleted:
            assert cancelled is None
            return
        self.deleted.add(chat_id)
        open_ones = {
            one
            for one, turn in self.model.items()
            if turn.chat_id == chat_id and turn.status not in ENDED
        }
        assert set(cancelled) <= open_ones
        if completed and job_id in open_ones - set(cancelled):
            self.model[job_id].status, self.model[job_id].answer = "completed", "경합"
            open_ones.discard(job_id)
        assert set(cancelled) == open_ones
        for one in open_ones:
            self.model[one].status = "cancelled"

    @invariant()
    def everything_is_as_promised(self) -> None:
        if not getattr(self, "model", None):
            return
        type(self).steps += 1
        self.world.run(self._check())

    async def _check(self) -> None:
        for job_id, expected in self.model.items():
            turn = await self.world.turns.get(job_id)
            assert turn is not None
            assert (turn.status, turn.round) == (expected.status, expected.round)
            if expected.answer:
                assert json.loads(turn.result or "")["answer"] == expected.answer
            else:
                assert turn.result is None
        for chat_id in {turn.chat_id for turn in self.model.values()}:
            await self._check_chat(chat_id)

    async def _check_chat(self, chat_id: uuid.UUID) -> None:
        of_chat = {one: turn for one, turn in self.model.items() if turn.chat_id == chat_id}
        rows = await self.world.pool.fetch(
            "SELECT * FROM messages WHERE chat_id = $1 ORDER BY seq", chat_id
        )
        chat = await self.world.pool.fetchrow("SELECT * FROM chats WHERE chat_id = $1", chat_id)
        assert [row["seq"] for row in rows] == list(range(1, chat["message_count"] + 1))
        times = [row["created_at"] for row in rows]
        assert times == sorted(set(times))
        assert chat["last_message_at"] == times[-1]
        found = sorted((str(row["job_id"]), row["role"], row["content"]) for row in rows)
        promised = [(str(one), "user", turn.text) for one, turn in of_chat.items()]
        promised += [
            (str(one), "assistant", turn.answer) for one, turn in of_chat.items() if turn.answer
        ]
        assert found == sorted(promised), "every message once, an answer where there is one"
        sent = [
            (record.job_id, record.input.round if record.HasField("input") else 0)
            for record in self.world.sent
            if record.chat_id == str(chat_id)
        ]
        assert sent == self.records[chat_id], "every acceptance and every input, once and in order"

    async def _drain(self) -> None:
        """Send what was left to the relay, as it would."""
        while rows := await self.world.pool.fetch("SELECT * FROM outbox ORDER BY id"):
            for row in rows:
                gone = await self.world.pool.fetchval(
                    "DELETE FROM outbox WHERE id = $1 AND claimed_until < now() RETURNING true",
                    row["id"],
                )
                if gone:
                    message = Message(row["topic"], row["key"], row["payload"])
                    await self.world._send(message, 1.0)
            await asyncio.sleep(0)


@pytest.fixture
def world(parts: EphemeralParts) -> Iterator[World]:
    url = parts.postgres_url("chat_machine")
    with asyncio.Runner() as runner:
        runner.run(migrated(url))
        made = World(runner, url)
        yield made
        runner.run(made.outbox.close())
        made.pool.terminate()


def test_no_order_of_events_breaks_a_promise(world: World) -> None:
    class Story(Machine):
        pass

    Story.world = world
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=15,
            stateful_step_count=35,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Story.steps >= 100

"""Every event of a chat that the app listens to (docs/app.md), through the edge, member for member.

A turn for every row is run before the first test, some at once; the tests look at what came. The
transport's own time-out, which takes 300 s, is proven at the bridge (tests/integration/progress).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pytest

from services.cli.app_client import AppClient, ServerEvent, Submitted
from streaming.progress import stages
from tests.e2e.chat_screen import assert_one_pair, new_chat, say, text_begins
from tests.e2e.world import Watch, World, photo, read, to_end
from tests.wait import until

pytestmark = pytest.mark.stack

SEOUL = {"latitude": 37.5665, "longitude": 126.978}
STREAM_ID = re.compile(r"\d{13}-\d+")


class Row(NamedTuple):
    """A progress stage."""

    first_seq: int
    """Ten times its index; where it comes, for the two whose index is behind `done`."""
    progress: tuple[int | str, ...]
    """By status."""
    statuses: tuple[str, ...] = ("started", "completed")


BRANCH: Final = (20, 55)
TABLE: Final = {
    "queued": Row(0, (0,), ("started",)),
    "intent": Row(10, (5, 15)),
    "vision": Row(20, (15, 20)),
    "waste_rag": Row(30, BRANCH),
    "character": Row(40, BRANCH),
    "location": Row(50, BRANCH),
    "kakao_place": Row(60, BRANCH),
    "bulk_waste": Row(70, BRANCH),
    "weather": Row(80, BRANCH),
    "recyclable_price": Row(90, BRANCH),
    "collection_point": Row(100, BRANCH),
    "web_search": Row(110, BRANCH),
    "image_generation": Row(120, BRANCH),
    "general": Row(130, BRANCH),
    "needs_input": Row(132, ("",), ("waiting",)),
    "aggregator": Row(140, (55, 65)),
    "feedback": Row(150, (65, 65)),
    "summarize": Row(152, (65, 75)),
    "answer": Row(160, (75, 90)),
    "eval": Row(170, (90, 98)),
    "done": Row(180, (100,), ("completed",)),
}
APART: Final = {"token", "token_recovery", "error", "keepalive"}
"""Events that are no stage; each has a test of its own below."""

COMMON: Final = {"job_id", "stage", "status", "seq", "ts", "stream_id"}
TRACE: Final = {"trace_id", "span_id", "traceparent"}
"""There for turns that are traced."""
QUESTIONS: Final = {
    "waste": "유리병은 어떻게 버려요?",
    "character": "페티 캐릭터는 어떻게 얻어요?",
    "location": "근처 제로웨이스트 매장 알려 줘요",
    "bulk_waste": "소파를 버리는 수수료가 얼마예요?",
    "recyclable_price": "고철 시세가 얼마예요?",
    "collection_point": "폐건전지 수거함은 어디예요?",
    "weather": "비가 오나요?",
    "image_generation": "분리배출하는 그림을 그려 줘요",
    "web_search": "환경부 발표를 인터넷에서 검색해 줘요",
    "general": "안녕, 반가워!",
}
"""One an intent, by which the rules take it too where the model is too slow to say so."""

AT_ONCE: Final = 4
"""Turns that run at a time."""


@dataclass(frozen=True)
class Told:
    """A turn that has ended, and what was told of it."""

    turn: Submitted
    watch: Watch
    messages: list[dict[str, Any]]
    """Of its chat, read when the last event had come."""

    def of(self, stage: str) -> list[ServerEvent]:
        """The events of a stage."""
        return [event for event in self.watch.events if event.data["stage"] == stage]

    @property
    def progress(self) -> list[ServerEvent]:
        """All but the text."""
        return [event for event in self.watch.events if event.name not in stages.TEXT]


def members(event: ServerEvent) -> set[str]:
    """The members of an event's data, without those of its trace."""
    return set(event.data) - TRACE


class Play:
    """Runs the turns."""

    def __init__(self, world: World, app: AppClient) -> None:
        self._world = world
        self._app = app

    async def all(self) -> dict[str, Told]:
        """Every turn that is needed, by what it is for."""
        plays = {intent: self._intent(intent) for intent in QUESTIONS}
        plays |= {
            "vision": self._vision(),
            "needs_input": self._needs_input(),
            "summarize": self._summarize(),
            "failure": self._failure(),
        }
        free = asyncio.Semaphore(AT_ONCE)

        async def run(play: Coroutine[None, None, Told]) -> Told:
            async with free:
                return await play

        told = await asyncio.gather(*map(run, plays.values()))
        return dict(zip(plays, told, strict=True))

    async def _intent(self, intent: str) -> Told:
        with self._world.model.script(intent=intent, reply_tokens=8) as script:
            question = f"{QUESTIONS[intent]} {script.word}"
            turn = await say(self._app, question, user_location=SEOUL)
            return await self._told(turn)

    async def _vision(self) -> Told:
        turn = await say(self._app, "", image_url=await photo(self._app))
        return await self._told(turn)

    async def _needs_input(self) -> Told:
        with self._world.model.script(intent="location", reply_tokens=8) as script:
            turn = await say(self._app, f"{QUESTIONS['location']} {script.word}")
            watch = Watch()
            async with asyncio.timeout(30):
                while not watch.saw("needs_input"):
                    await read(self._app, turn, watch, at_most=1)
            answer = {"type": "location", "data": SEOUL}
            path = turn.stream_url.replace("/events", "/input")
            received = await self._app.post(path, answer)
            assert received == {"status": "received", "job_id": turn.job_id}
            return await self._told(turn, watch)

    async def _summarize(self) -> Told:
        """A chat that has become too long to be told word for word."""
        chat_id = await new_chat(self._app)
        with self._world.model.script(intent="general", reply_tokens=3) as script:
            for _ in range(4):
                turn = await say(self._app, f"{script.word} {'가' * 1000}", chat_id)
                await to_end(self._app, turn)
            question = f"{QUESTIONS['general']} {script.word}"
            return await self._told(await say(self._app, question, chat_id))

    async def _failure(self) -> Told:
        """A question the model refuses to answer."""
        with self._world.model.script(intent="general", rejects="reply") as script:
            question = f"{QUESTIONS['general']} {script.word}"
            return await self._told(await say(self._app, question))

    async def _told(self, turn: Submitted, watch: Watch | None = None) -> Told:
        watch = await to_end(self._app, turn, watch)
        return Told(turn, watch, (await self._app.get(turn.result_url))["messages"])


@pytest.fixture(scope="module")
async def app(world: World) -> AsyncIterator[AppClient]:
    """A user of this module's own, for the limit of messages is one a user."""
    async with await world.user() as app:
        yield app


@pytest.fixture(scope="module")
async def plays(world: World, app: AppClient) -> dict[str, Told]:
    """The turns, by what they are for."""
    return await Play(world, app).all()


def test_no_row_is_without_a_test() -> None:
    assert set(TABLE) == set(stages.CHAT)
    tested = {name.removeprefix("test_the_event_") for name in globals()}
    assert tested >= APART


@pytest.mark.parametrize("stage", TABLE)
def test_row(plays: dict[str, Told], stage: str) -> None:
    row = TABLE[stage]
    whole = [play for name, play in plays.items() if name != "failure"]
    told = [found for play in whole if (found := play.of(stage))]
    assert told, f"no turn came by {stage}"
    for events in told:
        assert [event.name for event in events] == [stage] * len(row.statuses)
        assert tuple(event.data["status"] for event in events) == row.statuses
        assert tuple(event.data["progress"] for event in events) == row.progress
        for event in events:
            assert members(event) == COMMON | {"progress", "result", "message"}
            assert event.data["seq"] >= row.first_seq + (event.data["status"] == "completed")
            assert event.data["result"] == "" or isinstance(event.data["result"], dict)
            assert bool(event.data["message"]) == (stage == "needs_input")


def test_common_members(plays: dict[str, Told]) -> None:
    for play in plays.values():
        for event in play.watch.events:
            data = event.data
            assert data["job_id"] == play.turn.job_id
            assert re.fullmatch(r"\d{10}\.\d{3}", data["ts"])
            assert data["stream_id"] == event.id
            assert STREAM_ID.fullmatch(event.id) or event.name == "token_recovery"


def test_a_number_follows_from_the_stage_unless_it_is_taken(plays: dict[str, Told]) -> None:
    for play in plays.values():
        last = -1
        for event in play.progress:
            least = TABLE[event.data["stage"]].first_seq + (event.data["status"] == "completed")
            assert event.data["seq"] == max(least, last + 1), play.watch.steps()
            last = event.data["seq"]
        assert last == (180 if play.of("done")[0].data["status"] == "failed" else 181)


@pytest.mark.parametrize("intent", QUESTIONS)
def test_only_the_branches_an_intent_needs_come(plays: dict[str, Told], intent: str) -> None:
    play = plays[intent]
    came = list(dict.fromkeys(event.data["stage"] for event in play.progress))
    assert came[:2] == ["queued", "intent"]
    assert came[-4:] in (
        ["aggregator", "answer", "eval", "done"], ["feedback", "answer", "eval", "done"],
    )  # fmt: skip
    branches = [stage for stage in came[2:-3] if stage not in ("aggregator", "feedback")]
    own = "waste_rag" if intent == "waste" else intent
    further = {"weather", "web_search", "kakao_place"}
    assert own in branches
    assert set(branches) <= {own, *further}
    assert ("feedback" in came) == (intent == "waste")
    result = play.watch.last.data["result"]
    assert result["intent"] == play.messages[1]["intent"] == intent


def test_vision_comes_before_the_branches_and_without_a_picture_not_at_all(
    plays: dict[str, Told],
) -> None:
    came = [event.data["stage"] for event in plays["vision"].progress]
    assert came.index("intent") < came.index("vision") < came.index("waste_rag")
    assert plays["vision"].messages[0]["image_url"]
    for name, play in plays.items():
        assert bool(play.of("vision")) == (name == "vision")


def test_a_question_waits_and_its_branch_completes_with_the_answer(plays: dict[str, Told]) -> None:
    play = plays["needs_input"]
    (asked,) = play.of("needs_input")
    assert asked.data["result"] == {"input_type": "location", "timeout": 60}
    assert asked.data["message"]
    came = play.watch.steps()
    assert came.index(("location", "started")) < came.index(("needs_input", "waiting"))
    assert came.index(("needs_input", "waiting")) < came.index(("location", "completed"))
    assert play.watch.last.data["status"] == "completed"


def test_a_summary_comes_between_gathering_and_the_answer(plays: dict[str, Told]) -> None:
    came = [event.data["stage"] for event in plays["summarize"].progress]
    assert came.index("aggregator") < came.index("summarize") < came.index("answer")


def test_feedback_tells_how_well_the_rules_fit(plays: dict[str, Told]) -> None:
    result = plays["waste"].of("feedback")[1].data["result"]
    assert result["level"] in ("excellent", "good", "partial", "poor", "none")


@pytest.mark.parametrize("name", [*QUESTIONS, "vision", "needs_input", "summarize"])
def test_done_carries_what_is_stored(plays: dict[str, Told], name: str) -> None:
    play = plays[name]
    done = play.watch.last
    asked, answered = play.messages[-2:]
    assert (done.name, done.data["status"], done.data["seq"]) == ("done", "completed", 181)
    result = done.data["result"]
    assert set(result) == {"intent", "answer", "eval", "persistence"}
    assert result["answer"] == answered["content"] != ""
    assert result["eval"]["grade"] in ("S", "A", "B", "C")
    assert 0 <= result["eval"]["score"] <= 100
    persistence = result["persistence"]
    assert set(persistence) == {
        "conversation_id", "user_id", "user_message_created_at", "user_image_url",
        "assistant_message_created_at", "intent", "metadata",
    }, "ids or texts of messages make the app draw bubbles twice"  # fmt: skip
    assert play.turn.result_url.endswith(persistence["conversation_id"])
    assert persistence["user_message_created_at"] == asked["created_at"]
    assert persistence["assistant_message_created_at"] == answered["created_at"]
    assert persistence["user_image_url"] == asked.get("image_url")
    assert persistence["intent"] == result["intent"]
    assert persistence["metadata"] == answered["metadata"]


def test_the_event_token(plays: dict[str, Told]) -> None:
    for name in QUESTIONS:
        tokens = plays[name].of("token")
        assert [event.data["seq"] for event in tokens] == list(range(1001, 1001 + len(tokens)))
        for event in tokens:
            assert members(event) == COMMON | {"content", "node"}
            assert (event.name, event.data["status"]) == ("token", "streaming")
            assert event.data["node"] == "answer"
        text = "".join(event.data["content"] for event in tokens).strip()
        assert text == plays[name].watch.last.data["result"]["answer"]
    came = [event.name for event in plays["general"].watch.events]
    assert came.index("answer") < came.index("token") < came.index("eval")


async def test_the_event_token_recovery(
    world: World, app: AppClient, plays: dict[str, Told]
) -> None:
    with world.model.script(intent="general", reply_tokens=60, tokens_per_second=4) as script:
        turn = await say(app, f"{QUESTIONS['general']} {script.word}")
        await text_begins(app, turn)
        late = Watch()  # sends no Last-Event-ID
        watching = asyncio.create_task(to_end(app, turn, late))
        await until(lambda: late.saw("token"), within_seconds=20, what="text of the late watcher")
        script.set(tokens_per_second=60)
        await watching
    (place,) = [n for n, event in enumerate(late.events) if event.name == "token_recovery"]
    snapshot = late.events[place]
    assert members(snapshot) == COMMON | {"accumulated", "last_seq", "completed"}
    assert (snapshot.data["stage"], snapshot.data["status"]) == ("token_recovery", "snapshot")
    assert snapshot.data["completed"] is False
    assert snapshot.id == f"recovery:{snapshot.data['last_seq']}"
    following = [event.data["seq"] for event in late.events[place:] if event.name == "token"]
    first = snapshot.data["last_seq"] + 1
    assert following == list(range(first, first + len(following)))
    await assert_one_pair(app, turn, late)
    for play in (plays["general"], plays["failure"]):  # what has ended is told without its text
        again = await to_end(app, play.turn)
        assert again.events == play.progress


def test_the_event_error(plays: dict[str, Told]) -> None:
    play = plays["failure"]
    error = play.watch.last
    assert error.name == "error"
    assert members(error) == COMMON | {"progress", "result", "message"}
    assert (error.data["stage"], error.data["status"]) == ("done", "failed")
    assert error.data["result"] == {"error": error.data["message"]}
    assert re.search("[가-힣]", error.data["message"])
    assert [message["role"] for message in play.messages] == ["user"]


async def test_the_event_keepalive(world: World, app: AppClient) -> None:
    with world.model.script(intent="location") as script:
        turn = await say(app, f"{QUESTIONS['location']} {script.word}")
        async with asyncio.timeout(30), aclosing(app.events(turn.stream_url)) as events:
            async for event in events:  # it waits for the user, and nothing else comes
                if event.name == "keepalive":
                    break
    assert (event.id, list(event.data)) == ("", ["timestamp"])

"""What a turn decides without asking anybody."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat import aggregate, compound, feedback, grade, memory
from streaming.chat.branch import BranchError, BranchResult, Citation
from streaming.chat.feedback import Level
from streaming.chat.intent import Classified, Intent
from streaming.chat.memory import Placed
from streaming.chat.policies import ENRICHMENT_SECONDS, FailMode, Policy
from streaming.chat.routing import routes
from streaming.chat.tools import BranchClosed, Tools
from streaming.chat.turn import Past, TurnContext
from streaming.chat.understanding import by_model
from streaming.chat.worked import Worked
from streaming.model.chat import Guess, Understanding
from streaming.model.provider import Usage

ALL = (
    "waste_rag", "character", "location", "kakao_place", "bulk_waste", "weather",
    "recyclable_price", "collection_point", "web_search", "image_generation", "general",
)  # fmt: skip


def about(intent: Intent, text: str = "질문", confidence: float = 0.9) -> Classified:
    return Classified(text=text, intent=intent, confidence=confidence)


def chosen(*questions: Classified, has_place: bool = False) -> list[str]:
    return [route.branch for route in routes(questions, has_place=has_place, existing=ALL)]


def test_the_branch_of_an_intent_comes_first_and_enrichment_after_it() -> None:
    assert chosen(about(Intent.WASTE)) == ["waste_rag", "weather"]
    assert chosen(about(Intent.CHARACTER), has_place=True) == ["character"]
    assert chosen(about(Intent.COLLECTION_POINT), has_place=True) == ["collection_point", "weather"]
    assert chosen(about(Intent.GENERAL, confidence=0.6)) == ["general", "web_search"]
    assert chosen(about(Intent.WASTE, "올해 바뀐 규정")) == ["waste_rag", "weather", "web_search"]
    assert chosen(about(Intent.WASTE), about(Intent.WEATHER)) == ["waste_rag", "weather"]


def test_who_asks_for_a_search_is_told_when_there_was_none() -> None:
    asked = about(Intent.WASTE, "캔 버리는 법을 인터넷에서 알려 줘")
    routed = {route.branch: route.own for route in routes([asked], has_place=False, existing=ALL)}
    assert routed == {"waste_rag": True, "weather": False, "web_search": True}
    away = BranchResult(answer="찾아보지 못했어요.", available=False)
    worked = Worked(questions=(asked,), results={"web_search": away})
    assert aggregate.offline_answer(worked) == "찾아보지 못했어요."
    recent = about(Intent.WASTE, "요즘 캔은?")
    worked = Worked(questions=(recent,), results={"web_search": away})
    assert aggregate.offline_answer(worked) == aggregate.NOTHING_FOUND


def understanding(*guesses: Guess) -> Understanding:
    return Understanding(questions=guesses, usage=Usage(), model="m", prompt_version="v")


@pytest.mark.parametrize(
    ("latest", "confidence", "intent"),
    [
        ((), None, Intent.GENERAL),
        (("waste",), 0.7, Intent.LOCATION),
        (("waste",), 0.69, Intent.GENERAL),
        (("waste",), None, Intent.GENERAL),
        (("no such",), 0.9, Intent.GENERAL),
        (("character", "waste"), 0.9, Intent.GENERAL),
    ],
)
def test_an_unsure_model_is_taken_for_general_unless_a_sure_last_question_speaks_for_it(
    latest: tuple[str, ...], confidence: float | None, intent: Intent
) -> None:
    told = understanding(Guess("어디?", "location", 0.5, ""))
    assert by_model("어디?", told, latest, confidence)[0].intent is intent


def test_the_rules_heed_only_a_sure_last_question() -> None:
    history = [Past("assistant", "헹궈요", intent="bulk_waste")]
    surely, unsurely = (
        compound.questions("가격은 얼마예요?", history=history, latest_is_sure=sure)[0]
        for sure in (True, False)
    )
    assert surely.intent is unsurely.intent is Intent.RECYCLABLE_PRICE
    assert surely.confidence > unsurely.confidence


def test_a_greeting_beside_a_question_needs_no_branch() -> None:
    told = understanding(Guess("안녕", "general", 0.9, ""), Guess("캔은?", "waste", 0.9, ""))
    assert [q.intent for q in by_model("안녕, 캔은?", told, (), None)] == [Intent.WASTE]


@pytest.mark.parametrize(
    ("quality", "level"),
    [
        (1.0, Level.EXCELLENT), (0.9, Level.EXCELLENT), (0.89, Level.GOOD), (0.7, Level.GOOD),
        (0.4, Level.PARTIAL), (0.39, Level.POOR), (0.2, Level.POOR), (0.19, Level.NONE),
    ],
)  # fmt: skip
def test_levels(quality: float, level: Level) -> None:
    assert feedback.level(quality) is level


@given(st.fixed_dictionaries({axis: st.floats(0, 100) for axis in grade.WEIGHTS}), st.booleans())
def test_a_score_is_a_mean_and_its_grade_grows_with_it(
    axes: dict[str, float], hazardous: bool
) -> None:
    found = grade.grade(axes, hazardous=hazardous)
    assert min(axes.values()) - 0.1 <= found.score <= max(axes.values()) + 0.1
    assert "SABC".index(found.grade) == (
        0 if found.score >= 90 else 1 if found.score >= 75 else 2 if found.score >= 55 else 3
    )


def test_an_answer_from_the_material_is_better_than_one_from_nowhere() -> None:
    worked = Worked(
        questions=(about(Intent.WASTE),),
        results={"waste_rag": BranchResult(context="건전지는 수거함에 넣어 주세요.")},
    )
    question = "건전지는 어떻게 버려요?"
    good = grade.by_rule(question, "건전지는 전용 수거함에 넣어 주세요.", worked)
    bad = grade.by_rule(question, "아무 봉투 99999원에 담아 보내라", worked)
    assert all(good[axis] >= bad[axis] for axis in good)
    assert grade.grade(good, hazardous=True).score > grade.grade(bad, hazardous=True).score


def history(count: int, length: int = 10) -> list[Placed]:
    roles = ("user", "assistant")
    return [
        Placed(Past("user" if roles[n % 2] == "user" else "assistant", "가" * length), n + 1)
        for n in range(count)
    ]


def test_a_short_memory_is_kept_whole() -> None:
    found = memory.remember(history(8), "", most=20, budget=3072, kept=6)
    assert (len(found.kept), found.to_sum_up) == (8, ())


@pytest.mark.parametrize(("count", "length"), [(21, 10), (12, 600)])
def test_what_is_too_much_is_summed_up_but_the_latest(count: int, length: int) -> None:
    found = memory.remember(history(count, length), "", most=20, budget=3072, kept=6)
    assert (len(found.kept), len(found.to_sum_up), found.through) == (6, count - 6, count - 6)


@given(st.text(max_size=200), st.text(max_size=200))
def test_tokens_are_counted_for_any_text(first: str, second: str) -> None:
    assert memory.tokens(first + second) >= memory.tokens(first) >= 1


@given(st.lists(st.text(max_size=3000), max_size=12), st.integers(100, 4000))
def test_told_lines_keep_the_order_and_about_the_budget(texts: list[str], budget: int) -> None:
    past = [Past("user", text) for text in texts]
    told = memory.lines(past, budget)
    assert len(told) <= len(past)
    if past:
        assert told


def test_what_was_worked_out_survives_being_kept() -> None:
    worked = Worked(
        questions=(about(Intent.WASTE),),
        results={
            "waste_rag": BranchResult(
                context="가", citations=(Citation("rules", "제목", "id"),), metadata={"n": [1]}
            )
        },
        answer="답",
    )
    assert Worked.from_bytes(worked.to_bytes()) == worked
    assert Worked.from_bytes(b"{") is None
    assert Worked.from_bytes(b"") is None


def test_an_answer_without_a_model_tells_what_each_branch_says_once() -> None:
    worked = Worked(
        questions=(about(Intent.WASTE),),
        results={
            "weather": BranchResult(answer="비가 와요."),
            "waste_rag": BranchResult(answer="헹궈요."),
            "web_search": BranchResult(answer="검색을 쓸 수 없어요.", available=False),
        },
    )
    assert aggregate.offline_answer(worked) == "헹궈요.\n\n비가 와요."
    assert aggregate.offline_answer(Worked()) == aggregate.NOTHING_FOUND


def test_metadata_that_grows_too_long_loses_its_details_first() -> None:
    worked = Worked(
        questions=(about(Intent.WASTE),),
        results={"waste_rag": BranchResult(metadata={"all": "가" * 30_000})},
    )
    told = aggregate.metadata(worked, None, cost_usd=0.01)
    assert "branches" not in told
    assert json.loads(aggregate.metadata_json(told))["model"]["cost_usd"] == 0.01


class Failing:
    """A branch that fails so often, or hangs."""

    name = "weather"

    def __init__(self, failures: int, *, hangs: bool = False, retryable: bool = True) -> None:
        self.failures, self.calls, self.hangs, self.retryable = failures, 0, hangs, retryable

    async def run(self, context: TurnContext) -> BranchResult:
        self.calls += 1
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.calls <= self.failures:
            raise BranchError("500", retryable=self.retryable)
        return BranchResult(context="맑음")

    def unavailable(self, context: TurnContext) -> BranchResult:
        return BranchResult(answer="지금은 몰라요.", available=False)


def tools(branch: Failing, fail: FailMode, retries: int = 1) -> Tools:
    policy = Policy(0.05, retries, 3, fail)
    return Tools({"weather": branch}, policies=lambda _: policy, breaker_seconds=30.0)


CONTEXT: TurnContext = None  # type: ignore[assignment]  # the doubles look at nothing


async def test_a_branch_is_tried_again_and_its_answer_taken() -> None:
    found = await tools(branch := Failing(1), FailMode.OPEN).run("weather", CONTEXT)
    assert found is not None
    assert (found.context, branch.calls) == ("맑음", 2)


async def test_a_branch_that_hangs_is_left_after_its_time() -> None:
    assert await tools(Failing(0, hangs=True), FailMode.OPEN).run("weather", CONTEXT) is None


async def test_what_cannot_succeed_is_not_tried_again() -> None:
    branch = Failing(9, retryable=False)
    found = await tools(branch, FailMode.FALLBACK).run("weather", CONTEXT)
    assert found is not None
    assert (found.available, branch.calls) == (False, 1)


async def test_a_branch_that_fails_again_and_again_is_held_off() -> None:
    subject = tools(branch := Failing(99), FailMode.OPEN, retries=0)
    for _ in range(5):
        await subject.run("weather", CONTEXT)
    assert branch.calls == 3


async def test_what_only_enriches_has_one_budget_for_all_its_tries() -> None:
    slow = Policy(5.0, 3, 9, FailMode.OPEN)
    branch = Failing(0, hangs=True)
    subject = Tools({"weather": branch}, policies=lambda _: slow)
    assert await subject.run("weather", CONTEXT, within_seconds=0.1) is None
    assert branch.calls == 1, "no further try with what is left"


async def test_there_is_no_answer_without_a_branch_that_fails_closed() -> None:
    with pytest.raises(BranchClosed):
        await tools(Failing(99), FailMode.CLOSE).run("weather", CONTEXT)


def found(quality: float | None, **more: BranchResult) -> Worked:
    rules = BranchResult(available=quality is not None, quality=quality)
    questions = (about(Intent.WEATHER, "비 와?"), about(Intent.WASTE, "이건 어디 버려?"))
    return Worked(questions=questions, results={"waste_rag": rules, **more})


@pytest.mark.parametrize(
    ("worked", "connected", "seconds_left", "seconds"),
    [
        (found(0.1), True, 300.0, ENRICHMENT_SECONDS),  # nothing
        (found(0.39), True, 300.0, ENRICHMENT_SECONDS),  # poor
        (found(None), True, 300.0, ENRICHMENT_SECONDS),  # failed
        (found(0.4), True, 300.0, None),  # good enough
        (found(0.1), False, 300.0, None),  # no tool
        (found(0.1, web_search=BranchResult()), True, 300.0, None),  # searched already
        (found(0.1), True, feedback.RESERVED_SECONDS + 5, 5.0),  # little time
        (found(0.1), True, feedback.RESERVED_SECONDS + 1, None),  # too little
        (Worked(questions=(about(Intent.WEATHER),)), True, 300.0, None),  # not about waste
    ],
)
def test_the_web_is_searched_for_what_no_rule_fits(
    worked: Worked, connected: bool, seconds_left: float, seconds: float | None
) -> None:
    wanted = feedback.elsewhere(worked, connected=connected, seconds_left=seconds_left)
    if seconds is None:
        assert wanted is None
    else:
        assert wanted == (about(Intent.WASTE, "이건 어디 버려?"), seconds)


def test_the_metadata_say_where_it_was_looked_and_what_was_drawn() -> None:
    web = BranchResult(context="사실", citations=(Citation("web", "쪽", url="https://a.kr/"),))
    worked = found(0.1, web_search=web)
    worked.results["image_generation"] = BranchResult(metadata={"image_url": "https://a/1.jpg"})
    told = aggregate.metadata(worked, feedback.judge(worked), cost_usd=None)
    assert told["feedback"] == {
        "level": "none", "reason": "rag_no_result", "fallback": "web_search",
    }  # fmt: skip
    assert told["citations"] == [{"source": "web", "title": "쪽", "url": "https://a.kr/"}]
    assert told["pictures"] == ["https://a/1.jpg"]
    away = found(0.1, web_search=BranchResult(available=False))
    judged = feedback.judge(away)
    assert judged is not None
    assert judged.as_dict() == {"level": "none", "reason": "rag_no_result"}

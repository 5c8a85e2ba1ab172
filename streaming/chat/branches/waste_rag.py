"""How a thing is thrown out: the rule documents, looked up by question and picture."""

from __future__ import annotations

import json
from typing import Any, Final

from streaming.chat.branch import BranchResult, Citation
from streaming.chat.feedback import TELLING, level
from streaming.chat.retrieval import Search
from streaming.chat.retrieval.search import Found, Hit
from streaming.chat.turn import TurnContext
from streaming.knowledge import Item, Knowledge, RuleDocument
from streaming.knowledge.particles import topic
from streaming.model.offline.answer import UNCLASSIFIED, Wording, worded
from streaming.model.provider import Vision

MOST_DOCUMENTS: Final = 2
"""Documents a model is given; further ones share words with the question and little else."""
MOST_CANDIDATES: Final = 4
"""Meanings of a word that are told apart."""

NOT_COVERED: Final = "{thing} 제가 가진 배출 규정에 없어요. 사는 곳의 주민센터에 확인해 주세요."
AWAY: Final = "지금은 배출 규정을 찾아볼 수 없어요. 잠시 후 다시 물어봐 주세요."
PERHAPS: Final = "꼭 맞는 규정은 찾지 못했지만, {title} 안내가 가장 가까워요."
SEVERAL: Final = "무엇으로 만든 것인지에 따라 달라요."


class WasteRag:
    """Answers from the rule documents alone."""

    name: Final = "waste_rag"

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._search = Search(knowledge)

    async def run(self, context: TurnContext) -> BranchResult:
        """Look the question up."""
        return self.look_up(context)

    def look_up(self, context: TurnContext) -> BranchResult:
        """The same for other branches: takes some milliseconds and asks nobody."""
        earlier = [past.content for past in reversed(context.history) if past.role == "user"]
        found = self._search.find(context.message, earlier, _seen(context))
        if found.not_covered:
            text = NOT_COVERED.format(thing=topic(found.not_covered))
            return BranchResult(context=text, answer=text, quality=found.quality)
        hits = found.hits[:MOST_DOCUMENTS] if found.item is not None else found.hits
        answer, more = self._worded(found, context)
        return BranchResult(
            context="\n".join(_facts(hit) for hit in hits),
            answer=answer,
            citations=tuple(_citation(hit) for hit in hits),
            metadata={"quality": round(found.quality, 3), **more},
            quality=found.quality,
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """What stands in its place."""
        return BranchResult(answer=AWAY, available=False)

    def _worded(self, found: Found, context: TurnContext) -> tuple[str, dict[str, Any]]:
        """The answer without a model, and what AskOnce passes on of it."""
        if found.item is not None:
            return self._of_item(found.item, context)
        if found.candidates:
            return self._of_several(found.candidates[:MOST_CANDIDATES], context), {}
        if found.hits and level(found.quality) in TELLING:
            document = found.hits[0].document
            steps = self._knowledge.steps(document, text=context.message)
            return "\n\n".join((PERHAPS.format(title=document.title), _numbered(steps))), {}
        return "", {}

    def _of_item(self, item: Item, context: TurnContext) -> tuple[str, dict[str, Any]]:
        document = self._knowledge.rule_for(item.major, item.middle)
        wording = self._wording(item, document, context)
        text = wording.user_answer
        if len(wording.steps) > 1:
            text = f"{text}\n\n{_numbered(wording.steps)}"
        return text, {
            "disposal_steps": list(wording.steps),
            "insufficiencies": list(wording.insufficiencies),
            "classification": {
                "major_category": item.major,
                "middle_category": item.middle,
                "minor_category": item.minor or item.middle,
            },
        }

    def _of_several(self, items: tuple[Item, ...], context: TurnContext) -> str:
        lines = []
        for item in items:
            document = self._knowledge.rule_for(item.major, item.middle)
            lines.append(f"- {self._wording(item, document, context).user_answer}")
        return "\n".join((SEVERAL, *dict.fromkeys(lines)))

    def _wording(self, item: Item, document: RuleDocument | None, context: TurnContext) -> Wording:
        seen = None if context.picture is None else context.picture.seen
        tags = seen.situation_tags if seen is not None and seen.middle == item.middle else ()
        vision = Vision(
            major=item.major,
            middle=item.middle,
            minor=item.minor,
            situation_tags=tags,
            model="rules",
            prompt_version="",
        )
        return worded(vision, document, context.message, self._knowledge)


def _seen(context: TurnContext) -> Item | None:
    """What the picture shows, when it could be told."""
    seen = None if context.picture is None else context.picture.seen
    if seen is None or seen.major == UNCLASSIFIED:
        return None
    return Item(seen.major, seen.middle, seen.minor)


def _facts(hit: Hit) -> str:
    return json.dumps(
        {"section": hit.section, **hit.document.as_dict()}, ensure_ascii=False, default=str
    )


def _citation(hit: Hit) -> Citation:
    document = hit.document
    return Citation("rules", document.title, document.id, hit.section, document.source.url or "")


def _numbered(steps: tuple[str, ...]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))

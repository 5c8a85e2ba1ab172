"""What no document of ours knows: looked up on the web by the model's server."""

from __future__ import annotations

from typing import Final

from streaming.chat.branch import BranchResult, Citation, ModelCall
from streaming.chat.branches.waste_rag import WasteRag
from streaming.chat.feedback import TELLING, level
from streaming.chat.intent import Intent
from streaming.chat.routing import asks_to_search
from streaming.chat.turn import TurnContext
from streaming.chat.untrusted import as_line, cleaned, web_address, with_sound_links
from streaming.model.guard import Budget
from streaming.model.provider import ModelRefused
from streaming.model.tools import SEARCH, Finding, Searcher

BUDGET: Final = Budget(work_seconds=8.5, patience_seconds=1.0)
"""Together below the branch's time-out (10 s), so that a slow server is told as one."""

REPORT_CHARACTERS: Final = 6_000
"""Of what was found, as a model is told it."""
MOST_SOURCES: Final = 8
MOST_SHOWN: Final = 3
"""Sources below the answer; the others stand in its metadata."""
MOST_EARLIER: Final = 2
EARLIER_CHARACTERS: Final = 200

SHOWN: Final = "참고한 웹 문서: {pages}"
NOT_ASKED: Final = "지금은 인터넷을 찾아보지 못했어요."
OURS: Final = f"{NOT_ASKED} 대신 제가 가진 배출 규정에서 찾은 내용이에요."
NOTHING: Final = (
    f"{NOT_ASKED} 최신 소식은 기후에너지환경부나 사는 곳의 지자체 누리집에서 확인해 주세요."
)
REFUSED: Final = "그 내용은 인터넷에서 찾아 드릴 수 없어요. 분리배출이나 환경에 대해 물어봐 주세요!"


class WebSearch:
    """Searches, or says that it did not and what our own documents have."""

    name: Final = "web_search"

    def __init__(self, searcher: Searcher | None, rules: WasteRag) -> None:
        """`searcher` is None where no server searches."""
        self._searcher = searcher
        self._rules = rules

    @property
    def connected(self) -> bool:
        """Whether somebody searches."""
        return self._searcher is not None

    async def run(self, context: TurnContext) -> BranchResult:
        """What the web says; nothing where nobody searches and it would only have added."""
        if self._searcher is None:
            return self.unavailable(context) if _is_asked_for(context) else BranchResult()
        earlier = [past.content for past in context.history if past.role == "user"]
        asked = {
            "now": context.now.strftime("%Y-%m-%d %H:%M (한국 시각)"),
            "earlier": [text[:EARLIER_CHARACTERS] for text in earlier[-MOST_EARLIER:]],
            "question": context.message,
        }
        try:
            finding = await self._searcher.search(asked, BUDGET)
        except ModelRefused:
            return BranchResult(context=REFUSED, answer=REFUSED, metadata={"refused": True})
        return found(finding, self._searcher.provider)

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That the web was not asked, with what our documents have where they have it."""
        if not _is_asked_for(context):
            return BranchResult(available=False)
        if context.intent is not Intent.WEB_SEARCH:  # another branch says what the documents have
            return BranchResult(context=NOT_ASKED, answer=NOT_ASKED, available=False)
        ours = self._rules.look_up(context)
        if not ours.answer or level(ours.quality or 0.0) not in TELLING:
            return BranchResult(context=NOTHING, answer=NOTHING, available=False)
        return BranchResult(
            context=f"{OURS}\n{ours.context}",
            answer=f"{OURS}\n\n{ours.answer}",
            citations=ours.citations,
            available=False,
        )


def found(finding: Finding, provider: str) -> BranchResult:
    """A finding as material: a stranger's text, so cleaned, and its pages checked. Pure."""
    pages: dict[str, Citation] = {}
    for source in finding.sources:
        url = web_address(source.url)
        if url and url not in pages:
            title = as_line(source.title, 120) or url.split("/")[2]
            pages[url] = Citation("web", title, url=url)
    citations = tuple(pages.values())[:MOST_SOURCES]
    text = with_sound_links(cleaned(finding.text, REPORT_CHARACTERS))
    shown = " · ".join(f"[{page.title}]({page.url})" for page in citations[:MOST_SHOWN])
    return BranchResult(
        context=text,
        answer=text,
        attachment=SHOWN.format(pages=shown) if shown else "",
        citations=citations,
        metadata={
            "sources": len(citations),
            "searches": finding.usage.searches,
            "prompt_version": finding.prompt_version,
        },
        calls=(ModelCall(provider, finding.model, SEARCH, finding.usage),),
    )


def _is_asked_for(context: TurnContext) -> bool:
    """Whether the user asked for a search, rather than a question that one may add to."""
    return context.intent is Intent.WEB_SEARCH or asks_to_search(context.message)

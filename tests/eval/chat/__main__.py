"""``make eval-chat``: how often questions are understood, and the right rule document is found.

Offline by default. With ``OPENAI_API_KEY`` (and ``OPENAI_BASE_URL``, ``ECO2_MODEL``) the intents
are asked of that model as a turn asks them, one call a question; the search never asks a model.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Final

from streaming import knowledge
from streaming.chat.intent import Classified
from streaming.chat.retrieval import Search
from streaming.chat.turn import Past
from streaming.chat.understanding import understand
from streaming.model.factory import build_models
from streaming.model.guard import Budget
from streaming.model.models import Talker
from streaming.model.settings import ModelSettings
from tests.eval.chat import measure
from tests.eval.chat.cases import FILES, load

CALL_SECONDS: Final = 30.0


def _asking(talker: Talker) -> measure.Ask:
    async def ask(message: str, history: Sequence[Past]) -> Sequence[Classified]:
        recent = [past.intent for past in reversed(history) if past.intent]
        understood = await understand(
            message,
            history=history,
            recent=recent,
            recent_confidence=1.0,
            has_picture=False,
            talker=talker,
            budget=Budget(work_seconds=CALL_SECONDS, patience_seconds=CALL_SECONDS * 2),
        )
        return understood.questions

    return ask


async def _main(*, misses: bool) -> None:
    known = await asyncio.to_thread(knowledge.load)
    search = Search(known)
    models = build_models(ModelSettings(), known)
    talker = models.talker("")
    ask, by = (measure.offline, "rules") if talker is None else (_asking(talker), talker.provider)
    try:
        for name in FILES:
            cases = load(name)
            for title, tally in (
                (f"intents by {by}", await measure.intents(cases, ask)),
                ("rule document in the first 3", measure.retrieval(cases, search)),
                ("rule document first", measure.retrieval(cases, search, within=1)),
            ):
                print(f"{name}: {title}", *tally.lines(), sep="\n")
                if misses:
                    print(*(f"    {miss}" for miss in tally.missed), sep="\n")
    finally:
        await models.close()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="print what went wrong as well")
    asyncio.run(_main(misses=parser.parse_args().misses))


if __name__ == "__main__":
    main()

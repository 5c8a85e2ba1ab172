"""Gathering: the branches of a turn run at once, and what they found is put together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from streaming.chat import asked, feedback
from streaming.chat.branch import BranchResult, NeedsInput
from streaming.chat.policies import ENRICHMENT_SECONDS
from streaming.chat.routing import SEARCH, Route, routes
from streaming.chat.work import TurnWork
from streaming.progress import stages


async def gather(work: TurnWork) -> NeedsInput | None:
    """Run the branches; what one of them has to ask first.

    What the others found is kept for when the turn goes on. Raises BranchClosed and Overtaken, in a
    group of errors.
    """
    worked = work.worked
    if worked.gathered:
        return None
    chosen = routes(
        worked.questions,
        has_place=asked.place_of(work.task) is not None,
        existing=work.means.tools.names,
    )
    missing = [route for route in chosen if route.branch not in worked.results]
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(_run(work, route)) for route in missing]
    asking: NeedsInput | None = None
    for route, run in zip(missing, runs, strict=True):
        result = run.result()
        if result is None:
            continue
        if _asks(work, route, result):
            asking = asking or result.needs_input
        else:
            worked.results[route.branch] = replace(result, needs_input=None)
    if asking is not None:
        return asking
    # in the order they were chosen, whatever a turn that waited had found before
    order = {route.branch: place for place, route in enumerate(chosen)}
    worked.results = dict(
        sorted(worked.results.items(), key=lambda item: order.get(item[0], len(order)))
    )
    await _look_elsewhere(work)
    for result in worked.results.values():
        worked.calls.extend(result.calls)
    worked.gathered = True
    return None


async def put_together(work: TurnWork) -> None:
    """Tell that everything is gathered, and how well the rule documents fit."""
    narration = work.narration
    await narration.stage("aggregator", stages.STARTED)
    await narration.stage("aggregator", stages.COMPLETED, checkpoint=work.worked.to_bytes())
    judged = feedback.judge(work.worked)
    if judged is not None:
        await narration.stage("feedback", stages.STARTED)
        await narration.stage("feedback", stages.COMPLETED, result=judged.as_dict())


async def _run(
    work: TurnWork, route: Route, within_seconds: float = ENRICHMENT_SECONDS
) -> BranchResult | None:
    """Run a branch. One that has to ask completes when the turn goes on."""
    async with work.narration.step(route.branch) as step:
        result = await work.means.tools.run(
            route.branch,
            asked.of_branch(work, route.question),
            own=route.own,
            within_seconds=within_seconds,
        )
        if result is not None and _asks(work, route, result):
            step.waits = True
        elif result is not None and result.calls:  # paid for: kept before the others are done
            work.worked.results[route.branch] = replace(result, needs_input=None)
            await work.narration.keep(work.worked.to_bytes())
    return result


def _asks(work: TurnWork, route: Route, result: BranchResult) -> bool:
    """Whether a branch's question is put to the user: only that of one that answers them."""
    return result.needs_input is not None and route.own and work.may_ask


async def _look_elsewhere(work: TurnWork) -> None:
    """Search the web when the rule documents have nothing that fits."""
    wanted = feedback.elsewhere(
        work.worked,
        connected=work.means.tools.is_connected(SEARCH),
        seconds_left=work.deadline - time.time(),
    )
    if wanted is None:
        return
    question, seconds = wanted
    result = await _run(work, Route(SEARCH, question, False), seconds)
    if result is not None:
        work.worked.results[SEARCH] = replace(result, needs_input=None)

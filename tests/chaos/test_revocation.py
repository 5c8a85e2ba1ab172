"""A logout bites at every replica of the edge within a second, whatever is away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from mesh.local.ephemeral_stack import EphemeralStack
from tests.chaos.edge_replicas import PASSES, REVOKED, Replicas, replicas

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(1200)]

TRIALS = 200


@pytest.fixture(scope="module")
async def edge() -> AsyncIterator[Replicas]:
    """A stack of its own: parts of it are killed."""
    with EphemeralStack() as stack:
        async with replicas(stack) as running:
            yield running


async def test_logout_is_noticed_by_every_replica(edge: Replicas) -> None:
    delays = []
    for _ in range(TRIALS):
        session = await edge.sign_in()
        assert await edge.at_edge(session) == await edge.at_second(session) == PASSES
        answered = await edge.sign_out(session)
        delays.append(await edge.refused_everywhere(session) - answered)
    delays.sort()
    median, p99 = delays[TRIALS // 2], delays[TRIALS * 99 // 100]
    print(f"\nlogout to refusal: median {median * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    assert p99 < 1.0


async def test_a_restarted_replica_refuses_from_its_first_answer(edge: Replicas) -> None:
    session, alive = await edge.sign_in(), await edge.sign_in()
    await edge.sign_out(session)
    await edge.refused_everywhere(session)
    old = edge.stack.kill("authz")
    seen = set()
    while edge.stack.status("authz").pid in (None, old) or await edge.at_edge(alive) != PASSES:
        seen.add((await edge.at_edge(session))[0])
    assert seen <= {401, 503}
    assert await edge.at_edge(session) == REVOKED


@pytest.mark.parametrize("part", ["redis", "postgres", "servers"])
async def test_logout_bites_while_a_part_hangs(edge: Replicas, part: str) -> None:
    """Redis before the logout; the others at the moment it has been answered. The edge can't ask
    for the profile then: only refusals are looked at.
    """
    sessions = [await edge.sign_in() for _ in range(5)]
    for session in sessions:
        assert await edge.at_second(session) == PASSES
    if part == "redis":
        with edge.stack.frozen(part):
            answered = [await edge.sign_out(session) for session in sessions]
            refused = [await edge.refused_everywhere(session) for session in sessions]
    else:
        answered = [await edge.sign_out(session) for session in sessions]
        with edge.stack.frozen(part):
            refused = [await edge.refused_everywhere(session) for session in sessions]
    assert max(b - a for a, b in zip(answered, refused, strict=True)) < 1.0


async def test_logout_during_an_outage_of_the_broker_bites_when_it_is_back(edge: Replicas) -> None:
    session, alive = await edge.sign_in(), await edge.sign_in()
    with edge.stack.frozen("kafka"):
        await edge.sign_out(session)
        assert await edge.at_edge(alive) == PASSES
    back = time.monotonic()
    assert await edge.refused_everywhere(session) - back < 1.0


async def test_logout_bites_after_a_broker_died(edge: Replicas) -> None:
    session, alive = await edge.sign_in(), await edge.sign_in()
    old = edge.stack.kill("kafka")
    await edge.sign_out(session)
    assert await edge.at_edge(alive) == PASSES
    await edge.revived("kafka", old)
    await edge.takes_revocations()
    back = time.monotonic()
    took = await edge.refused_everywhere(session) - back
    print(f"\na broker that died is back, to refusal: {took * 1000:.0f} ms")
    assert took < 1.0

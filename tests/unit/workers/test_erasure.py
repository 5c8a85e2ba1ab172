"""The order in which domains are asked, and what happens while one of them is away."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import grpc.aio
import pytest
from eco2.pipeline.v1 import identity_events_pb2

from streaming.kafka.consumer import Poison, Record, Retryable
from streaming.kafka.topics import USER_DELETED
from streaming.workers.erasure import Erasure


class Domains:
    """Notes who was asked, and is away where it is told to be."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away: set[str] = set()
        erase = {name: self._erase(name) for name in ("auth", "scan", "images")}
        self.worker = Erasure(
            ("auth", erase["auth"]), {"scan": erase["scan"], "images": erase["images"]}, 0
        )

    def _erase(self, name: str) -> Any:
        async def erase(user_id: str) -> int:
            self.asked.append(name)
            if name in self.away:
                nothing = grpc.aio.Metadata()
                raise grpc.aio.AioRpcError(
                    grpc.StatusCode.UNAVAILABLE, nothing, nothing, "away", ""
                )
            return 1

        return erase


def record(user_id: str = "") -> Record[Any]:
    fact = identity_events_pb2.UserDeleted(user_id=user_id or str(uuid.uuid4()))
    return Record(USER_DELETED, fact.user_id, fact, 1, None, "", 0, 0, USER_DELETED.name, {})


async def test_sessions_end_before_anything_else_is_erased() -> None:
    domains = Domains()
    await domains.worker.handle(record())
    assert domains.asked[0] == "auth"
    assert sorted(domains.asked) == ["auth", "images", "scan"]


@pytest.mark.parametrize("away", ["auth", "scan", "images"])
async def test_a_domain_that_is_away_is_asked_again_and_holds_up_no_other(away: str) -> None:
    domains = Domains()
    domains.away = {away}
    with pytest.raises(Retryable):
        await domains.worker.handle(record())
    assert sorted(domains.asked) == ["auth", "images", "scan"]
    domains.away.clear()
    await domains.worker.handle(record())


async def test_a_fact_without_a_user_is_poison_and_nobody_is_asked() -> None:
    domains = Domains()
    with pytest.raises(Poison):
        await domains.worker.handle(record("everybody"))
    assert not domains.asked

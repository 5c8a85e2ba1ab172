"""Whether a character that an item earns would be new to the user."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from eco2.character.v1 import character_service_pb2 as pb
from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.character.app import build as build_character
from services.users.app import build as build_users
from streaming.kafka.admin import ensure_topics
from tests.integration.backend import Refused
from tests.integration.character.conftest import replica
from tests.serving import migrated, serving

pytestmark = pytest.mark.parts

BOTTLE = pb.MatchCharacterRequest(
    major_category="재활용폐기물",
    middle_category="무색페트병",
    minor_category="음료PET병",
    disposal_rules_present=True,
)


@dataclass
class Domains:
    """The two domains that know of rewards, and a user."""

    characters: Any
    users: Any
    user_id: str

    async def reward(self, item: pb.MatchCharacterRequest) -> pb.GetCharacterRewardResponse:
        answer: pb.GetCharacterRewardResponse = await self.characters.GetCharacterReward(
            pb.GetCharacterRewardRequest(user_id=self.user_id, item=item)
        )
        return answer

    async def grant(self, character: pb.Character) -> None:
        await self.users.GrantCharacters(
            users_pb.GrantCharactersRequest(
                grants=[
                    users_pb.CharacterGrant(
                        user_id=self.user_id,
                        character_id=character.character_id,
                        code=character.code,
                        name=character.name,
                        source="scan",
                    )
                ]
            )
        )


@pytest_asyncio.fixture(loop_scope="session")
async def domains(parts: EphemeralParts) -> AsyncIterator[Domains]:
    environ = parts.environ | await migrated(parts.postgres_url("rewards"))
    block = PortBlock()
    environ |= block.table(("users", "character"))
    environ["ECO2_KAFKA_BOOTSTRAP"] = parts.kafka_bootstrap
    await ensure_topics(parts.kafka_bootstrap)
    async with serving((build_users, build_character), environ) as context:
        users = UsersServiceStub(context.channel("users"))
        made = await users.GetOrCreateFromOAuth(
            users_pb.GetOrCreateFromOAuthRequest(
                provider="kakao", provider_user_id=uuid.uuid4().hex
            )
        )
        yield Domains(CharacterServiceStub(context.channel("character")), users, made.user.user_id)
    block.close()


async def test_a_reward_is_received_until_it_is_granted_and_owned_from_then_on(
    domains: Domains,
) -> None:
    for _ in range(2):  # asking grants nothing
        answer = await domains.reward(BOTTLE)
        assert (answer.received, answer.already_owned) == (True, False)
        assert answer.character.name == "페티"
        assert answer.match_reason == "무색페트병>음료PET병"
    await domains.grant(answer.character)
    again = await domains.reward(BOTTLE)
    assert (again.received, again.already_owned) == (False, True)
    assert again.character == answer.character


async def test_what_earns_nothing_is_neither_received_nor_owned(domains: Domains) -> None:
    dirty = pb.MatchCharacterRequest()
    dirty.CopyFrom(BOTTLE)
    dirty.insufficiencies_present = True
    answer = await domains.reward(dirty)
    assert (answer.received, answer.already_owned) == (False, False)
    assert not answer.HasField("character")
    assert answer.match_reason == "not ready for disposal"


async def test_a_user_nobody_knows_has_no_rewards(domains: Domains) -> None:
    domains.user_id = str(uuid.uuid4())
    async with Refused("USER_NOT_FOUND"):
        await domains.reward(BOTTLE)
    domains.user_id = "x"
    async with Refused("VALIDATION_FAILED"):
        await domains.reward(BOTTLE)


async def test_without_the_users_domain_it_is_not_guessed(environ: dict[str, str]) -> None:
    async with replica(environ | {"ECO2_GRPC_USERS": "127.0.0.1:1"}, background=False) as alone:
        async with Refused("DEPENDENCY_UNAVAILABLE") as refusal:
            await alone.stub.GetCharacterReward(
                pb.GetCharacterRewardRequest(user_id=str(uuid.uuid4()), item=BOTTLE)
            )
        assert refusal.metadata["dependency"] == "users"

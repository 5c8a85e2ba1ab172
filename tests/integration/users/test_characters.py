"""What users own, whatever became of the character service and of the catalogue."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from eco2.users.v1 import users_service_pb2 as pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.users.app import build as build_users
from tests.integration.backend import Refused
from tests.integration.users.conftest import Metadata, Users
from tests.serving import migrated, serving

pytestmark = pytest.mark.parts


@pytest_asyncio.fixture(loop_scope="session")
async def alone(parts: EphemeralParts, users: Users) -> AsyncIterator[Users]:
    """A replica of the users domain that can't reach the character domain."""
    environ = parts.environ | await migrated(parts.postgres_url("users"))
    block = PortBlock()
    environ |= block.table(("users",)) | {"ECO2_GRPC_CHARACTER": "127.0.0.1:1"}
    async with serving((build_users,), environ) as context:
        yield Users(UsersServiceStub(context.channel("users")), users.database)
    block.close()


async def owned(users: Users, me: Metadata) -> list[tuple[str, str]]:
    answer = await users.stub.ListMyCharacters(pb.ListMyCharactersRequest(), metadata=me)
    return [(item.code, item.name) for item in answer.items]


async def grant(users: Users, me: Metadata, code: str, name: str) -> None:
    await users.stub.GrantCharacters(
        pb.GrantCharactersRequest(
            grants=[
                pb.CharacterGrant(
                    user_id=me[0][1],
                    character_id=str(uuid.uuid5(uuid.NAMESPACE_URL, code)),
                    code=code,
                    name=name,
                    source="scan",
                )
            ]
        )
    )


async def test_newest_first_and_the_first_one_last(users: Users) -> None:
    me = await users.sign_in()
    await grant(users, me, "char-petty", "페티")
    await grant(users, me, "char-bini", "비니")
    assert [name for _, name in await owned(users, me)] == ["비니", "페티", "이코"]


async def test_one_name_under_two_codes_is_one_character(users: Users) -> None:
    """일렉 had another code once, and the app counts names."""
    me = await users.sign_in()
    await grant(users, me, "char-elec", "일렉")
    await grant(users, me, "char-eb7429f0523f", "일렉")
    assert await owned(users, me) == [("char-elec", "일렉"), ("char-eco", "이코")]


async def test_what_left_the_catalogue_stays_with_who_has_it(users: Users) -> None:
    me = await users.sign_in()
    await grant(users, me, "char-long-gone", "옛친구")
    assert ("char-long-gone", "옛친구") in await owned(users, me)
    answer = await users.stub.GetOwnership(
        pb.GetOwnershipRequest(character_name="옛친구"), metadata=me
    )
    assert answer.owned


async def test_a_sign_up_does_not_wait_for_the_character_service(
    users: Users, alone: Users
) -> None:
    me = await alone.sign_in()
    async with Refused("DEPENDENCY_UNAVAILABLE"):
        await owned(alone, me)
    await grant(alone, me, "char-petty", "페티")
    assert await owned(alone, me) == [("char-petty", "페티")]
    assert [code for code, _ in await owned(users, me)] == ["char-petty", "char-eco"], "as of then"
    assert [code for code, _ in await owned(alone, me)] == ["char-petty", "char-eco"]


async def test_ownership_by_code_is_for_other_domains(users: Users) -> None:
    me = await users.sign_in()

    async def ask(code: str, user_id: str = me[0][1]) -> pb.GetCharacterOwnershipResponse:
        answer: pb.GetCharacterOwnershipResponse = await users.stub.GetCharacterOwnership(
            pb.GetCharacterOwnershipRequest(user_id=user_id, character_code=code)
        )
        return answer

    assert (await ask("char-eco")).owned
    assert (await ask("char-eco")).HasField("acquired_at")
    assert not (await ask("char-petty")).owned
    async with Refused("USER_NOT_FOUND"):
        await ask("char-eco", str(uuid.uuid4()))
    async with Refused("METHOD_NOT_EXPOSED"):
        await users.stub.GetCharacterOwnership(
            pb.GetCharacterOwnershipRequest(user_id=me[0][1], character_code="char-eco"),
            metadata=me,
        )

from __future__ import annotations

import asyncio
import uuid

import grpc
import grpc.aio
import jwt
import pytest
from eco2.auth.v1 import auth_service_pb2 as auth_pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from services.runtime.context import ProcessContext

pytestmark = pytest.mark.parts


async def _sign_in(
    users: UsersServiceStub, provider_user_id: str
) -> users_pb.GetOrCreateFromOAuthResponse:
    return await users.GetOrCreateFromOAuth(  # type: ignore[no-any-return,misc]
        users_pb.GetOrCreateFromOAuthRequest(
            provider="kakao", provider_user_id=provider_user_id, name="이름"
        )
    )


def _as(user_id: str) -> tuple[tuple[str, str], ...]:
    return (("x-user-id", user_id), ("x-auth-provider", "kakao"))


async def test_first_sign_in_makes_one_account_with_the_default_character(
    identity: ProcessContext,
) -> None:
    users = UsersServiceStub(identity.channel("users"))
    name = uuid.uuid4().hex
    answers = await asyncio.gather(*(_sign_in(users, name) for _ in range(20)))
    assert len({answer.user.user_id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1
    user_id = answers[0].user.user_id
    owned = await users.ListMyCharacters(users_pb.ListMyCharactersRequest(), metadata=_as(user_id))
    assert [item.name for item in owned.items] == ["이코"]
    me = await users.GetMe(users_pb.GetMeRequest(), metadata=_as(user_id))
    assert me.username == me.display_name == me.nickname != ""
    assert me.provider == "kakao"
    assert me.HasField("last_login_at")


async def test_repeated_grants_are_recorded_once_and_strangers_dropped(
    identity: ProcessContext,
) -> None:
    users = UsersServiceStub(identity.channel("users"))
    user_id = (await _sign_in(users, uuid.uuid4().hex)).user.user_id

    def grant(user: str) -> users_pb.CharacterGrant:
        return users_pb.CharacterGrant(
            user_id=user, character_id=str(uuid.uuid5(uuid.NAMESPACE_URL, "char-petty")),
            code="char-petty", name="페티", source="scan",
        )  # fmt: skip

    request = users_pb.GrantCharactersRequest(
        grants=[grant(user_id), grant(user_id), grant(str(uuid.uuid4()))]
    )
    answers = await asyncio.gather(*(users.GrantCharacters(request) for _ in range(8)))
    assert sum(answer.granted for answer in answers) == 1
    assert all(answer.dropped == 1 for answer in answers)
    owned = await users.GetOwnership(
        users_pb.GetOwnershipRequest(character_name="페티"), metadata=_as(user_id)
    )
    assert owned.owned


async def test_an_issued_token_verifies_against_the_published_keys(
    identity: ProcessContext,
) -> None:
    users, auth = (
        UsersServiceStub(identity.channel("users")),
        AuthServiceStub(identity.channel("auth")),
    )
    user_id = (await _sign_in(users, uuid.uuid4().hex)).user.user_id
    session = await auth.IssueSession(
        auth_pb.IssueSessionRequest(user_id=user_id, provider="kakao")
    )
    jwks = await auth.GetJwks(auth_pb.GetJwksRequest())
    keys = {
        key.kid: jwt.PyJWK({"kty": key.kty, "alg": key.alg, "n": key.n, "e": key.e})
        for key in jwks.keys
    }
    for token, kind in ((session.access_token, "access"), (session.refresh_token, "refresh")):
        read = jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["RS256"],
            audience="api",
            issuer="api.dev.growbin.app/api/v1/auth",
        )
        assert (read["sub"], read["sid"], read["type"]) == (user_id, session.session_id, kind)


async def test_no_session_for_an_unknown_user(identity: ProcessContext) -> None:
    auth = AuthServiceStub(identity.channel("auth"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await auth.IssueSession(
            auth_pb.IssueSessionRequest(user_id=str(uuid.uuid4()), provider="google")
        )
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        ((("x-user-id", "not-a-uuid"),), grpc.StatusCode.UNAUTHENTICATED),
        ((("x-user-id", str(uuid.uuid4())),), grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_session_methods_need_a_known_user(
    identity: ProcessContext, metadata: tuple[tuple[str, str], ...], code: grpc.StatusCode
) -> None:
    users = UsersServiceStub(identity.channel("users"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await users.GetMe(users_pb.GetMeRequest(), metadata=metadata)
    assert refused.value.code() is code


async def test_internal_methods_are_closed_to_the_edge(identity: ProcessContext) -> None:
    users = UsersServiceStub(identity.channel("users"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await users.GetUser(
            users_pb.GetUserRequest(user_id=str(uuid.uuid4())),
            metadata=(("x-eco2-edge", "1"), ("x-user-id", str(uuid.uuid4()))),
        )
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_broken_rules_are_listed_by_field(identity: ProcessContext) -> None:
    users = UsersServiceStub(identity.channel("users"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await users.GetOrCreateFromOAuth(users_pb.GetOrCreateFromOAuthRequest(provider="myspace"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = refused.value.details() or ""
    assert "provider" in details
    assert "provider_user_id" in details


async def test_no_budget_no_work(identity: ProcessContext) -> None:
    users = UsersServiceStub(identity.channel("users"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await users.GetMe(users_pb.GetMeRequest(), timeout=0.0005)
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

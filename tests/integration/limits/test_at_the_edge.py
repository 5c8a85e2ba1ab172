"""Limits as the app meets them: through the real edge, readable across origins."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from eco2.auth.v1 import auth_service_pb2 as auth_pb
from eco2.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.auth.app import build as build_auth
from services.character.app import build as build_character
from services.runtime.context import ProcessContext
from services.scan.app import build as build_scan
from services.users.app import build as build_users
from tests.contract.edge import ORIGIN, Edge, running_edge
from tests.contract.statuses import assert_refused
from tests.serving import led_to, migrated, serving

pytestmark = pytest.mark.parts

LIMIT = 3


@dataclass
class Place:
    """The edge, and the domains behind it as they call each other."""

    edge: Edge
    context: ProcessContext

    async def token(self) -> dict[str, str]:
        """Headers of somebody new."""
        user = await UsersServiceStub(self.context.channel("users")).GetOrCreateFromOAuth(
            users_pb.GetOrCreateFromOAuthRequest(
                provider="kakao", provider_user_id=uuid.uuid4().hex
            )
        )
        session = await AuthServiceStub(self.context.channel("auth")).IssueSession(
            auth_pb.IssueSessionRequest(user_id=user.user.user_id, provider="kakao")
        )
        return {"authorization": f"Bearer {session.access_token}", "origin": ORIGIN}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(
    parts: EphemeralParts, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    """The domains of a submission and a sign-in; they send nothing to brokers."""
    ports = PortBlock()
    environ = {
        **parts.environ,
        **await migrated(parts.postgres_url("limits_edge")),
        **ports.table(),
        "ECO2_REDIS_URL": parts.redis_url,
        "ECO2_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "ECO2_SCAN_SUBMITS_PER_MINUTE": str(LIMIT),
        "ECO2_LOGIN_ATTEMPTS_PER_MINUTE": str(LIMIT),
    }
    upstream = led_to(environ, "auth", "users", "scan")
    folder = tmp_path_factory.mktemp("limits")
    async with (
        serving(
            (build_auth, build_users, build_character, build_scan), environ, reads=True
        ) as context,
        running_edge(folder, environ | upstream) as edge,
    ):
        yield Place(edge, context)
    ports.close()


def assert_limited(answer: httpx.Response) -> None:
    assert_refused(answer, 429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    (info,) = (d for d in answer.json()["details"] if d["@type"].endswith("ErrorInfo"))
    assert info["metadata"] == {"limit": str(LIMIT), "window_seconds": "60"}


async def test_submissions_over_the_limit_are_429_and_readable(place: Place) -> None:
    fast, other = await place.token(), await place.token()
    for _ in range(LIMIT):
        answer = await place.edge.client.post("/api/v1/scan", json={}, headers=fast)
        assert_refused(answer, 400, "IMAGE_URL_REQUIRED")
    assert_limited(await place.edge.client.post("/api/v1/scan", json={}, headers=fast))
    answer = await place.edge.client.post("/api/v1/scan", json={}, headers=other)
    assert_refused(answer, 400, "IMAGE_URL_REQUIRED")
    answer = await place.edge.client.get("/api/v1/scan/history", headers=fast)
    assert answer.status_code == 200  # only submitting is limited


async def test_sign_ins_of_one_address_share_an_allowance(place: Place) -> None:
    headers = {"origin": ORIGIN}
    for path in ("google", "kakao/login", "naver/authorize"):
        answer = await place.edge.client.get(f"/api/v1/auth/{path}", headers=headers)
        assert_refused(answer, 503, "PROVIDER_NOT_CONFIGURED")
    assert_limited(await place.edge.client.get("/api/v1/auth/google", headers=headers))
    # A client can't make itself look like another one.
    forged = {"x-forwarded-for": "203.0.113.9", "x-envoy-external-address": "203.0.113.9"}
    assert_limited(await place.edge.client.get("/api/v1/auth/google", headers=headers | forged))


async def test_callbacks_over_the_limit_lead_to_the_login_page(place: Place) -> None:
    failures = []
    for _ in range(LIMIT + 1):
        answer = await place.edge.client.get("/api/v1/auth/kakao/callback?code=a&state=b")
        assert answer.status_code == 307
        failures.append(answer.headers["location"].rpartition("error=")[2])
    assert failures == ["invalid_state"] * LIMIT + ["too_many_attempts"]

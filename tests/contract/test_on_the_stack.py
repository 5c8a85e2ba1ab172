"""The same promises with the real services behind the edge."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.ports import HOST
from services.runtime.routes import DESCRIPTOR, Route
from tests.contract.cases import (
    EVENT_PATHS,
    HTTP_RULES,
    INTERNAL_METHODS,
    SESSION_RULES,
    HttpRule,
)
from tests.contract.edge import ORIGIN
from tests.contract.native import status_of_call
from tests.contract.statuses import assert_readable, assert_refused, reason_of

pytestmark = pytest.mark.stack

DOCUMENT = json.loads((DESCRIPTOR.parents[1] / "openapi" / "eco2.json").read_text())
FAULTS = (500, 502, 504)
"""Never an answer to a request that could be read. 503 is: a sign-in provider without a key."""
ENDS_THE_SESSION = ("/eco2.users.v1.UsersService/DeleteMe", "/eco2.auth.v1.AuthService/Logout")
FORGED = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture
async def client(stack: EphemeralStack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers={"origin": ORIGIN}, timeout=20
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def bearer(stack: EphemeralStack) -> dict[str, str]:
    return {"authorization": f"Bearer {stack.token('contract')}"}


def documented(rule: HttpRule, status: int) -> Any:
    """The document's response for a status of a rule."""
    operation = DOCUMENT["paths"][rule.route.template][rule.verb.lower()]
    return operation["responses"].get(str(status))


@pytest.mark.parametrize("rule", HTTP_RULES, ids=str)
async def test_answer_is_one_of_the_documented_ones(
    client: httpx.AsyncClient, stack: EphemeralStack, bearer: dict[str, str], rule: HttpRule
) -> None:
    if rule.route.rpc in ENDS_THE_SESSION:
        bearer = {"authorization": f"Bearer {stack.token('leaving')}"}
    answer = await client.request(rule.verb, rule.path, content=rule.body, headers=bearer)
    assert_readable(answer)
    assert answer.status_code not in FAULTS, answer.text
    described = documented(rule, answer.status_code)
    assert described, f"{answer.status_code} is not documented: {answer.text}"
    if answer.status_code >= 400:
        reason = reason_of(answer.json())
        assert reason in described["content"]["application/json"]["examples"]
    elif "content" in described:
        schema = described["content"]["application/json"]["schema"]
        Draft202012Validator(
            {**schema, "components": DOCUMENT["components"]}, format_checker=FormatChecker()
        ).validate(answer.json())


@pytest.mark.parametrize("rule", SESSION_RULES, ids=str)
async def test_session_rule_needs_a_token(client: httpx.AsyncClient, rule: HttpRule) -> None:
    forged = {"x-user-id": FORGED, "x-session-id": FORGED, "x-eco2-edge": "0"}
    answer = await client.request(rule.verb, rule.path, content=rule.body, headers=forged)
    assert_refused(answer, 401, "TOKEN_MISSING")


@pytest.mark.parametrize("path", EVENT_PATHS)
async def test_event_stream_needs_a_token(client: httpx.AsyncClient, path: str) -> None:
    assert_refused(await client.get(path), 401, "TOKEN_MISSING")


async def test_forged_identity_changes_nothing(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    mine = await client.get("/api/v1/users/me", headers=bearer)
    forged = await client.get(
        "/api/v1/users/me", headers={**bearer, "x-user-id": FORGED, "x-auth-provider": "naver"}
    )
    assert mine.status_code == forged.status_code == 200
    assert mine.json() == forged.json()


@pytest.mark.parametrize("route", INTERNAL_METHODS, ids=lambda r: r.rpc)
async def test_internal_method_is_refused_by_edge_and_server(
    stack: EphemeralStack, bearer: dict[str, str], route: Route
) -> None:
    edge = f"{HOST}:{stack.port('edge_http')}"
    server = f"{HOST}:{stack.port(route.domain)}"
    async with (
        grpc.aio.insecure_channel(edge) as through,
        grpc.aio.insecure_channel(server) as behind,
    ):
        refused = await status_of_call(through, route.rpc, bearer.items())
        assert refused is grpc.StatusCode.UNIMPLEMENTED
        marked = await status_of_call(behind, route.rpc, [("x-eco2-edge", "1")])
        assert marked is grpc.StatusCode.UNIMPLEMENTED, "the server's own check"


async def test_uploaded_picture_is_served_under_its_public_url(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(1000)
    created = await client.post(
        "/api/v1/images/scan",
        json={"filename": "a.png", "content_type": "image/png"},
        headers=bearer,
    )
    upload = created.json()
    async with httpx.AsyncClient() as phone:
        put = await phone.put(
            upload["upload_url"], content=picture, headers=upload["required_headers"]
        )
        assert put.status_code == 200, put.text
        shown = await phone.get(upload["cdn_url"])
    assert (shown.status_code, shown.content) == (200, picture)
    assert shown.headers["content-type"] == "image/png"

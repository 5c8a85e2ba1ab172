"""The client SDK calls every RPC: what is exposed through the edge, and all of them behind it."""

from __future__ import annotations

import base64
import importlib
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from inspect import isasyncgen, signature
from typing import Any, Final

import grpclib
import pytest
from betterproto2_compiler.compile.naming import pythonize_method_name
from grpclib.client import Channel

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.ports import HOST
from services.runtime.routes import Route
from tests import sample
from tests.contract.cases import EXPOSED_METHODS, METHODS
from tests.sample import Sample, Session

pytestmark = pytest.mark.stack

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
UNKNOWN: Final = {"job_id": NOBODY}

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "auth.StartLogin": {"provider": "google"},
    "auth.GetAuthorizationUrl": {"provider": "kakao"},
    "auth.OAuthCallback": {"provider": "naver", "code": "x", "state": "y"},
    "auth.IssueSession": {"user_id": "{user_id}", "provider": "google"},
    "auth.ListSessions": {"user_id": "{user_id}"},
    "auth.RevokeSession": {"user_id": NOBODY},
    "auth.EraseUser": {"user_id": NOBODY},
    "users.UpdateMe": {"nickname": "맑은 바람"},
    "users.GetOwnership": {"character_name": "이코"},
    "users.GetOrCreateFromOAuth": {
        "provider": "naver",
        "provider_user_id": "sdk",
        "name": "사용자",
    },
    "users.GetUser": {"user_id": "{user_id}"},
    "users.GrantCharacters": {
        "grants": [
            {
                "user_id": "{user_id}",
                "character_id": NOBODY,
                "code": "char-petty",
                "name": "페티",
                "type": "무색페트병",
                "source": "scan",
            }
        ]
    },
    "users.GetCharacterOwnership": {"user_id": "{user_id}", "character_code": "char-eco"},
    "users.AddPoints": {
        "user_id": "{user_id}",
        "points": 10,
        "reason": "scan",
        "reference": "{reference}",
    },
    "scan.SubmitScan": {"image_url": "{image_url}"},
    "scan.GetScanResult": {"job_id": "{scan_job_id}"},
    "scan.GetScanResultDocument": {"job_id": "{scan_job_id}"},
    "scan.CancelScan": {"job_id": "{scan_job_id}"},
    "scan.SubmitCorrection": {
        "job_id": "{scan_job_id}",
        "classification": {"major_category": "재활용폐기물", "middle_category": "무색페트병"},
    },
    "scan.GetJob": {"job_id": "{scan_job_id}"},
    "scan.CompleteJob": {"job_id": NOBODY, "result": {"user_input": "x"}},
    "scan.FailJob": {"job_id": NOBODY, "reason": "MODEL_UNAVAILABLE"},
    "scan.EraseUser": {"user_id": NOBODY},
    "chat.GetChat": {"chat_id": "{chat_id}"},
    "chat.RenameChat": {"chat_id": "{chat_id}", "title": "페트병"},
    "chat.DeleteChat": {"chat_id": NOBODY},
    "chat.SendMessage": {"chat_id": "{chat_id}", "message": "캔은?"},
    "chat.SubmitInput": {"job_id": "{chat_job_id}", "type": "cancel"},
    "chat.AskOnce": {"message": " "},
    "chat.GetTurn": {"job_id": "{chat_job_id}"},
    "chat.BeginTurn": {"job_id": "{chat_job_id}", "max_messages": 10},
    "chat.AppendTurn": {
        "job_id": "{chat_job_id}",
        "answer": {"content": "다른 답", "intent": "waste"},
    },
    "chat.ParkTurn": {
        "job_id": "{chat_job_id}",
        "input_type": "location",
        "wait_seconds": 60,
        "round": 1,
    },
    "chat.FailTurn": {"job_id": "{chat_job_id}", "error_reason": "INTERNAL"},
    "chat.EraseUser": {"user_id": NOBODY},
    "character.MatchCharacter": {
        "major_category": "재활용폐기물",
        "middle_category": "무색페트병",
        "disposal_rules_present": True,
    },
    "character.GetCharacterReward": {
        "user_id": "{user_id}",
        "item": {"major_category": "재활용폐기물", "middle_category": "무색페트병"},
    },
    "character.GetCharacter": {"name": "이코"},
    "character.FindCharacters": {"text": "페티는 뭐야?"},
    "images.CreateUpload": {
        "channel": "scan",
        "filename": "a.png",
        "content_type": "image/png",
    },
    "images.FinalizeUpload": {"channel": "scan", "key": f"scan/{'0' * 32}.png", "etag": "x"},
    "images.InspectImage": {"image_url": "{image_url}"},
    "images.UploadBytes": {
        "channel": "generated",
        "content_type": "image/png",
        "data": base64.b64encode(sample.grey_picture()).decode(),
    },
    "images.EraseUser": {"user_id": NOBODY},
    "location.ListCenters": {"lat": 37.5665, "lon": 126.978},
    "location.GetCenter": {"id": "{center_id}"},
    "location.Search": {"q": "{place}"},
    "location.Suggest": {"q": "{place}"},
    "location.SearchNearby": {"latitude": 37.5665, "longitude": 126.978},
    "location.SearchAround": {"q": "{place}", "latitude": 37.5665, "longitude": 126.978},
    "location.StagePlaces": {
        "import_id": "{reference}",
        "source": "keco",
        "places": [
            {
                "source_pk": "sdk",
                "line": 1,
                "name": "견본",
                "latitude": 37.5,
                "longitude": 127.0,
                "store_category": "general",
                "pickup_categories": ["can"],
            }
        ],
    },
    "location.CommitImport": {"import_id": NOBODY, "expected_places": 1},
    "location.DiscardImport": {"import_id": NOBODY},
    "info.SearchItems": {"q": "페트병"},
    "info.GetItem": {"item_id": "{item_id}"},
    "info.GetRegionalRules": {"region": "서울"},
    "info.UpsertNews": {
        "articles": [
            {
                "id": "sdk",
                "url": "https://example.com/sdk",
                "title": "소식",
                "source": "rss",
                "category": "ai",
                "published_at": "2026-01-19T12:00:00Z",
            }
        ]
    },
    "progress.WatchJob": {"job_id": "{scan_job_id}"},
}
"""By domain and method; the others take an empty request."""

REFUSED: Final[Mapping[str, grpclib.Status]] = {
    "auth.StartLogin": grpclib.Status.UNAVAILABLE,  # no provider is configured
    "auth.GetAuthorizationUrl": grpclib.Status.UNAVAILABLE,
    "auth.Refresh": grpclib.Status.UNAUTHENTICATED,  # the token comes in a cookie
    "scan.CompleteJob": grpclib.Status.NOT_FOUND,
    "scan.FailJob": grpclib.Status.NOT_FOUND,
    "chat.DeleteChat": grpclib.Status.NOT_FOUND,
    "chat.SubmitInput": grpclib.Status.FAILED_PRECONDITION,  # the turn does not wait
    "chat.AskOnce": grpclib.Status.INVALID_ARGUMENT,
    "character.SyncCatalog": grpclib.Status.INVALID_ARGUMENT,  # an empty one retires everybody
    "info.GetRegionalRules": grpclib.Status.NOT_FOUND,  # no municipality's rules are in the data
    "images.FinalizeUpload": grpclib.Status.NOT_FOUND,  # nothing of that name was uploaded
    "location.CommitImport": grpclib.Status.FAILED_PRECONDITION,  # nothing was staged
    "scan.CancelScan": grpclib.Status.FAILED_PRECONDITION,  # the scan has ended
}
"""What a refusal proves as well: the call was understood, and answered by the method itself."""


@pytest.fixture(scope="module")
def leaver(stack: EphemeralStack) -> Session:
    """Somebody who may be deleted."""
    return sample.sign_in(stack, "sdk-leaver")


@asynccontextmanager
async def channel(port: int) -> AsyncIterator[Channel]:
    opened = Channel(HOST, port)
    try:
        yield opened
    finally:
        opened.close()


def name_of(route: Route) -> str:
    return f"{route.domain}.{route.method}"


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: filled(member, known) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if isinstance(value, str) and value.startswith("{"):
        return known[value[1:-1]]
    return value


async def call(opened: Channel, route: Route, request: Any, metadata: Any) -> None:
    """Call a method through its stub; the status it ends with must be the expected one."""
    package = importlib.import_module(f"eco2_client.{route.service.rpartition('.')[0]}")
    stub = getattr(package, route.service.rpartition(".")[2] + "Stub")(opened)
    method = getattr(stub, pythonize_method_name(route.method))
    message = getattr(package, str(signature(method).parameters["message"].annotation).split()[0])
    pending = method(message.from_dict(request), metadata=metadata, timeout=20)
    expected = REFUSED.get(name_of(route), grpclib.Status.OK)
    try:
        if isasyncgen(pending):
            assert [event async for event in pending]
        else:
            await pending
    except grpclib.GRPCError as error:
        ended, why = error.status, str(error)
    else:
        ended, why = grpclib.Status.OK, ""
    assert ended is expected, why


def known_of(sampled: Sample) -> dict[str, Any]:
    session = asdict(sampled.session)
    return {**asdict(sampled), **session, "reference": str(uuid.uuid4())}


def test_requests_name_methods_that_exist() -> None:
    names = {name_of(route) for route in METHODS}
    known = {name for name in (*REQUESTS, *REFUSED) if not name.startswith("location.")}
    assert known <= names


@pytest.mark.parametrize("route", METHODS, ids=name_of)
async def test_method_answers_behind_the_edge(
    stack: EphemeralStack, sampled: Sample, leaver: Session, route: Route
) -> None:
    if route.domain == "location":
        sample.needs_places(sampled)
    user = leaver if route.method == "DeleteMe" else sampled.session
    request = filled(REQUESTS.get(name_of(route), {}), known_of(sampled))
    async with channel(stack.port(route.domain)) as opened:
        await call(opened, route, request, {"x-user-id": user.user_id})


@pytest.mark.parametrize("route", EXPOSED_METHODS, ids=name_of)
async def test_exposed_method_answers_through_the_edge(
    stack: EphemeralStack, sampled: Sample, route: Route
) -> None:
    request = filled(REQUESTS.get(name_of(route), {}), known_of(sampled))
    if route.domain == "location":
        sample.needs_places(sampled)
    metadata = sampled.session.bearer
    if route.method in ("DeleteMe", "Logout"):
        metadata = sample.sign_in(stack, "sdk-passing").bearer
    async with channel(stack.port("edge_http")) as opened:
        await call(opened, route, request, metadata)

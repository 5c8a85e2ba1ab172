"""How answers of services become HTTP: status, arrays, cookies, documents, errors, streams."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import httpx
import pytest
from eco2.chat.v1 import chat_pb2, chat_service_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.scan.v1 import scan_service_pb2
from eco2.users.v1 import user_pb2, users_service_pb2
from google.api import httpbody_pb2
from google.protobuf import empty_pb2, json_format, struct_pb2

from services.chat.result import written
from services.runtime.errors import DomainError, trailers_of
from services.runtime.timestamps import timestamp
from tests.contract.cases import EVENT_PATHS
from tests.contract.edge import ORIGIN, Edge
from tests.contract.statuses import assert_readable, assert_refused
from tests.wait import until

SCAN = "/eco2.scan.v1.ScanService/"
USERS = "/eco2.users.v1.UsersService/"
GRPC_ONLY = ("grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-accept-encoding")


def app(edge: Edge) -> dict[str, str]:
    """Headers of the signed-in app."""
    return {**edge.signed_in(), "origin": ORIGIN}


async def logged(edge: Edge, key: str, value: str) -> list[dict[str, Any]]:
    """Lines of the access log with this value, once there are some."""

    def lines() -> list[dict[str, Any]]:
        read = [json.loads(line) for line in edge.access_log.read_text().splitlines()]
        return [line for line in read if line[key] == value]

    return await until(lines, what="the access log line")


def assert_no_leaks(answer: httpx.Response) -> None:
    """Nothing of gRPC or of our own wire shows."""
    assert not {*GRPC_ONLY, "x-http-status"} & set(answer.headers)
    assert not [name for name in answer.headers if name.startswith("x-envoy")]


async def characters(edge: Edge, items: list[user_pb2.OwnedCharacter]) -> httpx.Response:
    async def answer(request: Any, context: Any) -> Any:
        return users_service_pb2.ListMyCharactersResponse(items=items)

    edge.services.behaviours[USERS + "ListMyCharacters"] = answer
    return await edge.client.get("/api/v1/users/me/characters", headers=app(edge))


async def test_array_is_unwrapped(edge: Edge) -> None:
    owned = [
        user_pb2.OwnedCharacter(id="1", code="char-eco", name='이코 "]},{[', dialog="}"),
        user_pb2.OwnedCharacter(id="2", code="char-petty", name="페티"),
    ]
    answer = await characters(edge, owned)
    assert answer.status_code == 200
    assert [(item["id"], item["name"], item["type"]) for item in answer.json()] == [
        ("1", '이코 "]},{[', ""),
        ("2", "페티", ""),
    ]
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert_readable(answer)
    assert_no_leaks(answer)


async def test_empty_array_is_an_array(edge: Edge) -> None:
    answer = await characters(edge, [])
    assert answer.content == b"[]"


async def test_long_array_is_complete(edge: Edge) -> None:
    answer = await characters(
        edge, [user_pb2.OwnedCharacter(id=str(n), dialog="가" * 100) for n in range(1500)]
    )
    assert [item["id"] for item in answer.json()] == [str(n) for n in range(1500)]


async def test_failed_call_of_an_array_stays_an_error(edge: Edge) -> None:
    error = DomainError(ErrorReason.ERROR_REASON_USER_NOT_FOUND, "no such user")

    async def answer(request: Any, context: Any) -> Any:
        await context.abort(error.meaning.code, error.message, trailers_of(error))

    edge.services.behaviours[USERS + "ListMyCharacters"] = answer
    got = await edge.client.get("/api/v1/users/me/characters", headers=app(edge))
    assert_refused(got, 404, "USER_NOT_FOUND")


async def test_primitive_fields_are_printed_and_unset_optionals_left_out(edge: Edge) -> None:
    answer = await edge.client.get("/api/v1/users/me", headers=app(edge))
    assert answer.json() == {"username": "", "display_name": "", "nickname": "", "provider": ""}
    assert_no_leaks(answer)


async def test_numbers_are_json_numbers(edge: Edge) -> None:
    async def answer(request: Any, context: Any) -> Any:
        return scan_service_pb2.ListCategoriesResponse(items=[scan_service_pb2.Category(id=7)])

    edge.services.behaviours[SCAN + "ListCategories"] = answer
    got = await edge.client.get("/api/v1/scan/categories", headers=app(edge))
    assert got.json() == [{"id": 7, "name": "", "display_name": "", "instructions": []}]


async def test_stored_answers_are_told_as_the_event_done_told_them(edge: Edge) -> None:
    at = datetime(2026, 1, 19, 12, 0, tzinfo=UTC)
    moments = [at + timedelta(milliseconds=n) for n in (0, 1, 20, 100, 999, 1000)]
    told = {"numbers": [0, -1, 2**53, 0.1 + 0.2, 1 / 3, 1e-7, 1.5e300, 5e-324], "null": None}

    async def answer(request: Any, context: Any) -> Any:
        messages = [chat_pb2.ChatMessage(created_at=timestamp(moment)) for moment in moments]
        messages[0].metadata.CopyFrom(json_format.ParseDict(told, struct_pb2.Struct()))
        return chat_service_pb2.GetChatResponse(messages=messages)

    edge.services.behaviours["/eco2.chat.v1.ChatService/GetChat"] = answer
    got = await edge.client.get(f"/api/v1/chat/{uuid.uuid4()}", headers=app(edge))
    messages = got.json()["messages"]
    assert [message["created_at"] for message in messages] == [*map(written, moments)]
    assert messages[0]["metadata"] == told


@pytest.mark.parametrize("status", [201, 202, 404, 422])
async def test_status_comes_from_initial_metadata(edge: Edge, status: int) -> None:
    async def answer(request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("x-http-status", str(status)), ("retry-after", "2")))
        return scan_service_pb2.SubmitScanResponse(status="queued")

    edge.services.behaviours[SCAN + "SubmitScan"] = answer
    got = await edge.client.post("/api/v1/scan", json={}, headers=app(edge))
    assert got.status_code == status
    assert got.json()["status"] == "queued"
    assert got.headers["retry-after"] == "2"
    assert_no_leaks(got)
    assert_readable(got)


async def test_204_has_no_body(edge: Edge) -> None:
    async def answer(request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("x-http-status", "204"),))
        return empty_pb2.Empty()

    edge.services.behaviours[SCAN + "CancelScan"] = answer
    got = await edge.client.delete("/api/v1/scan/abcdefghij", headers=app(edge))
    assert (got.status_code, got.content) == (204, b"")
    assert "content-type" not in got.headers
    again = await edge.client.get("/api/v1/authz/ping", headers=app(edge))
    assert again.status_code == 200, "the connection is still in step"


async def test_cookies_and_location_come_from_initial_metadata(edge: Edge) -> None:
    cookies = ("s_access=a; HttpOnly; Path=/", "s_refresh=b; HttpOnly; Path=/; Max-Age=60")

    async def answer(request: Any, context: Any) -> Any:
        await context.send_initial_metadata(
            (
                ("x-http-status", "302"),
                ("location", "https://localhost:5173/#/home"),
                *(("set-cookie", cookie) for cookie in cookies),
            )
        )
        return empty_pb2.Empty()

    edge.services.behaviours[SCAN + "CancelScan"] = answer
    got = await edge.client.delete("/api/v1/scan/abcdefghij", headers=app(edge))
    assert got.status_code == 302
    assert got.headers["location"] == "https://localhost:5173/#/home"
    assert tuple(got.headers.get_list("set-cookie")) == cookies


async def test_document_keeps_key_order_and_nulls(edge: Edge) -> None:
    steps = {f"단계{n}": f"{n}" for n in range(1, 11)}
    document = {"task_id": "t", "pipeline_result": {"disposal_steps": steps}, "reward": None}
    text = json.dumps(document, ensure_ascii=False)

    async def answer(request: Any, context: Any) -> Any:
        return httpbody_pb2.HttpBody(content_type="application/json", data=text.encode())

    edge.services.behaviours[SCAN + "GetScanResultDocument"] = answer
    got = await edge.client.get("/api/v1/scan/abcdefghij/result", headers=app(edge))
    assert got.content == text.encode()
    assert got.headers["content-type"] == "application/json"
    assert_no_leaks(got)


async def test_document_status_and_retry_after(edge: Edge) -> None:
    async def answer(request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("x-http-status", "202"), ("retry-after", "2")))
        return httpbody_pb2.HttpBody(content_type="application/json", data=b'{"status":"queued"}')

    edge.services.behaviours[SCAN + "GetScanResultDocument"] = answer
    got = await edge.client.get("/api/v1/scan/abcdefghij/result", headers=app(edge))
    assert (got.status_code, got.json()) == (202, {"status": "queued"})
    assert got.headers["retry-after"] == "2"


@pytest.mark.parametrize("early_metadata", [False, True])
@pytest.mark.parametrize(
    "reason",
    ["JOB_NOT_FOUND", "VALIDATION_FAILED", "IMAGE_TOO_LARGE", "UNSUPPORTED_MODEL", "INTERNAL"],
)
async def test_domain_error_keeps_its_status_and_details(
    edge: Edge, reason: str, early_metadata: bool
) -> None:
    error = DomainError(
        ErrorReason.Value(f"ERROR_REASON_{reason}"),
        '한글 and "quotes" % in the message',
        metadata={"job_id": "j"},
        violations=(("image_url", "must be a URI"),),
        retry_after_seconds=3,
    )

    async def answer(request: Any, context: Any) -> Any:
        if early_metadata:
            await context.send_initial_metadata(
                (("x-http-status", str(error.meaning.http_status)), ("retry-after", "3"))
            )
        await context.abort(error.meaning.code, error.message, trailers_of(error))

    edge.services.behaviours[SCAN + "SubmitScan"] = answer
    got = await edge.client.post("/api/v1/scan", json={}, headers=app(edge))
    assert_refused(got, error.meaning.http_status, reason)
    assert got.json()["message"] == error.message
    assert got.json()["code"] == error.meaning.code.value[0]
    kinds = {detail["@type"].rpartition(".")[2]: detail for detail in got.json()["details"]}
    assert kinds["ErrorInfo"]["metadata"] == {"job_id": "j"}
    assert kinds["BadRequest"]["field_violations"][0]["field"] == "image_url"
    assert got.headers["retry-after"] == "3"
    assert_no_leaks(got)


async def test_fault_without_details_is_json_too(edge: Edge) -> None:
    async def answer(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.INTERNAL, "boom")

    edge.services.behaviours[SCAN + "SubmitScan"] = answer
    got = await edge.client.post("/api/v1/scan", json={}, headers=app(edge))
    assert got.status_code == 500
    assert got.headers["content-type"] == "application/json"
    assert_no_leaks(got)


async def test_bodyless_post_without_content_type_is_accepted(edge: Edge) -> None:
    got = await edge.client.post("/api/v1/scan", headers=app(edge))
    assert got.status_code == 200
    assert edge.services.reached(SCAN + "SubmitScan")


async def test_unknown_members_and_parameters_are_ignored(edge: Edge) -> None:
    body = {"image_url": "u", "session_id": None, "temperature": 0.5, "nested": {"a": [1]}}
    got = await edge.client.post("/api/v1/scan?utm_source=x", json=body, headers=app(edge))
    assert got.status_code == 200
    (reached,) = edge.services.reached(SCAN + "SubmitScan")
    assert reached.request.image_url == "u"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "cursor"),
    [
        ("cursor=a+b", "a b"),
        ("cursor=a%20b", "a b"),
        ("cursor=a,b", "a,b"),
        ("cursor=%ED%95%9C", "한"),
        ("cursor=a%2Bb%3D%3D", "a+b=="),
        ("cursor=a%2Fb", "a/b"),
    ],
)
async def test_query_is_decoded(edge: Edge, query: str, cursor: str) -> None:
    got = await edge.client.get(f"/api/v1/scan/history?limit=3&{query}", headers=app(edge))
    assert got.status_code == 200
    (reached,) = edge.services.reached(SCAN + "ListMyScans")
    assert reached.request.cursor == cursor  # type: ignore[attr-defined]
    assert reached.request.limit == 3  # type: ignore[attr-defined]


async def test_path_variable_is_decoded(edge: Edge) -> None:
    await edge.client.get("/api/v1/users/me/characters/페티/ownership", headers=app(edge))
    (reached,) = edge.services.reached(USERS + "GetOwnership")
    assert reached.request.character_name == "페티"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", EVENT_PATHS)
async def test_events_arrive_one_by_one(edge: Edge, path: str) -> None:
    edge.bridge.proceed.clear()
    try:
        async with edge.client.stream("GET", path, headers=app(edge)) as answer:
            chunks = answer.aiter_raw()
            assert await anext(chunks) == edge.bridge.body[0], "before the stream has ended"
            edge.bridge.proceed.set()
            assert b"".join([chunk async for chunk in chunks]) == edge.bridge.body[1]
    finally:
        edge.bridge.proceed.set()


async def test_https_serves_the_same(edge: Edge) -> None:
    got = await edge.client.get(f"{edge.https_url}/api/v1/users/me", headers=app(edge))
    assert got.status_code == 200
    refused = await edge.client.get(f"{edge.https_url}/api/v1/users/me", headers={"origin": ORIGIN})
    assert_refused(refused, 401, "TOKEN_MISSING")


async def test_forwarded_address_of_a_stranger_is_not_believed(edge: Edge) -> None:
    agent = "test-forwarded-address"
    await edge.client.get(
        "/nowhere", headers={"x-forwarded-for": "203.0.113.9", "user-agent": agent}
    )
    (line,) = await logged(edge, "user_agent.original", agent)
    assert line["client.ip"] != "203.0.113.9"


async def test_access_log_holds_no_credentials_and_no_query(edge: Edge) -> None:
    secret = "code-that-must-not-be-logged"
    token = edge.signer.token()
    await edge.client.get(
        f"/api/v1/scan/history?cursor={secret}",
        headers={"cookie": f"s_access={token}; s_refresh=refresh-secret"},
    )

    lines = await logged(edge, "url.path", "/api/v1/scan/history")
    assert lines[-1]["envoy.route"] == "GET /api/v1/scan/history"
    assert lines[-1]["http.response.status_code"] == 200
    text = edge.access_log.read_text()
    assert secret not in text
    assert token not in text
    assert "refresh-secret" not in text

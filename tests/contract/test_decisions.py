"""Where the app and its first backend disagree: what was decided (docs/app.md), each a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from mesh.local.ephemeral_stack import EphemeralStack
from services.cli.app_client import AppClient
from tests import sample
from tests.contract.edge import ORIGIN
from tests.contract.statuses import assert_readable, assert_refused
from tests.sample import CENTRE, Sample, Session
from tests.wait import until

pytestmark = pytest.mark.stack


@pytest.fixture
async def app(stack: EphemeralStack, sampled: Sample) -> AsyncIterator[httpx.AsyncClient]:
    """The sampled user's app."""
    async with sample.app_of(stack, sampled) as opened:
        yield opened


@pytest.fixture(scope="module")
def other(stack: EphemeralStack) -> Session:
    """Another user."""
    return sample.sign_in(stack, "stranger")


@pytest.fixture
async def stranger(stack: EphemeralStack, other: Session) -> AsyncIterator[httpx.AsyncClient]:
    """The app of another user."""
    headers = {"origin": ORIGIN, **other.bearer}
    async with httpx.AsyncClient(base_url=stack.base_url, headers=headers, timeout=20) as opened:
        yield opened


async def events_of(stack: EphemeralStack, sampled: Sample, path: str) -> list[Any]:
    async with (
        AppClient(stack.base_url, sampled.session.access_token) as app,
        aclosing(app.events(path)) as events,
    ):
        return [event async for event in events]


async def test_01_profile_has_username_and_display_name(app: httpx.AsyncClient) -> None:
    me = (await app.get("/api/v1/users/me")).json()
    assert me["username"]
    assert me["username"] == me["display_name"] == me["nickname"]


async def test_02_history_begins_with_the_newest_page_and_ascends_within(
    stack: EphemeralStack, app: httpx.AsyncClient, sampled: Sample
) -> None:
    chat = (await app.post("/api/v1/chat")).json()["id"]
    for number in range(3):
        await sample.turn(stack, app, chat, f"질문 {number}")
    newest = (await app.get(f"/api/v1/chat/{chat}?limit=2")).json()
    assert [message["role"] for message in newest["messages"]] == ["user", "assistant"]
    assert newest["messages"][0]["content"] == "질문 2"
    assert newest["has_more"] is True
    older = (await app.get(f"/api/v1/chat/{chat}?limit=10&cursor={newest['next_cursor']}")).json()
    questions = [message["content"] for message in older["messages"] if message["role"] == "user"]
    assert questions == ["질문 0", "질문 1"]


async def test_03_04_05_end_of_a_turn_that_was_over_before(
    stack: EphemeralStack, sampled: Sample
) -> None:
    events = await events_of(stack, sampled, f"/api/v1/chat/{sampled.chat_job_id}/events")
    done = events[-1]
    assert done.name == "done"
    result = done.data["result"]
    assert isinstance(result, dict), "an object, not a JSON string (4)"
    assert not {"user_message", "assistant_message"} & set(result.get("persistence", {})), "(3)"
    closing = [each for each in events if each.name == "token_recovery" and each.data["completed"]]
    assert closing == [], "the app would drop the answer (5)"


async def test_03_history_holds_exactly_the_answer_of_done(
    stack: EphemeralStack, app: httpx.AsyncClient, sampled: Sample
) -> None:
    events = await events_of(stack, sampled, f"/api/v1/chat/{sampled.chat_job_id}/events")
    messages = (await app.get(f"/api/v1/chat/{sampled.chat_id}?limit=200")).json()["messages"]
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    assert events[-1].data["result"]["answer"] in answers


async def test_06_reward_is_an_explicit_null(app: httpx.AsyncClient) -> None:
    job_id = await sample.unrecognised_scan(app)
    result = await app.get(f"/api/v1/scan/{job_id}/result")
    assert '"reward":null' in result.text.replace(" ", "")


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", "/api/v1/chat/{chat_id}", None),
        ("PATCH", "/api/v1/chat/{chat_id}", {"title": "x"}),
        ("DELETE", "/api/v1/chat/{chat_id}", None),
        ("POST", "/api/v1/chat/{chat_id}/messages", {"message": "x"}),
        ("POST", "/api/v1/chat/{chat_job_id}/input", {"type": "cancel"}),
        ("GET", "/api/v1/chat/{chat_job_id}/events", None),
        ("GET", "/api/v1/scan/{scan_job_id}/result", None),
        ("GET", "/api/v1/scan/{scan_job_id}/events", None),
        ("DELETE", "/api/v1/scan/{scan_job_id}", None),
    ],
)
async def test_07_what_is_anothers_is_404_and_never_403(
    stranger: httpx.AsyncClient, sampled: Sample, verb: str, path: str, body: Any
) -> None:
    answer = await stranger.request(
        verb,
        path.format(
            chat_id=sampled.chat_id,
            chat_job_id=sampled.chat_job_id,
            scan_job_id=sampled.scan_job_id,
        ),
        json=body,
    )
    assert answer.status_code == 404, answer.text
    assert_readable(answer)


@pytest.mark.parametrize("radius", [1, 10, 50_001, 900_000])
async def test_08_radius_is_clamped(app: httpx.AsyncClient, radius: int) -> None:
    answer = await app.get(f"/api/v1/locations/centers?{CENTRE}&radius={radius}")
    assert answer.status_code == 200


@pytest.mark.parametrize("zoom", [0, 1, 14, 20, 99])
async def test_08_zoom_is_clamped(app: httpx.AsyncClient, zoom: int) -> None:
    assert (await app.get(f"/api/v1/locations/centers?{CENTRE}&zoom={zoom}")).status_code == 200


async def test_09_the_unlinked_screen_gets_its_answer_at_once(app: httpx.AsyncClient) -> None:
    """With the members it reads: an answer, and steps when the item is known."""
    asked = {"message": "투명 페트병은 어떻게 버려?", "temperature": 0.2, "session_id": "x"}
    answer = await app.post("/api/v1/chat/messages", json=asked)
    assert answer.status_code == 201
    document = answer.json()
    assert document["user_answer"]
    for number, step in enumerate(document.get("disposal_steps") or [], 1):
        assert step["step"] == number
        assert step["instruction"]
    assert document["metadata"]["pipeline_type"] == "text"
    assert document["metadata"]["processed_at"]


async def test_09_legacy_message_path_is_no_chat_id(app: httpx.AsyncClient) -> None:
    blank = await app.post("/api/v1/chat/messages", json={"message": " ", "session_id": "x"})
    assert_refused(blank, 400, "MESSAGE_REQUIRED")


async def test_10_categories_are_served_under_both_paths(app: httpx.AsyncClient) -> None:
    one = (await app.get("/api/v1/info/categories")).json()
    other = (await app.get("/api/v1/info/news/categories")).json()
    assert one == other
    assert [category["id"] for category in one["categories"]] == [
        "all",
        "environment",
        "energy",
        "ai",
    ]


async def test_11_ids_of_scan_categories_are_integers(app: httpx.AsyncClient) -> None:
    categories = (await app.get("/api/v1/scan/categories")).json()
    assert [category["id"] for category in categories] == [1, 2, 3, 4]


async def test_12_provider_of_the_session_reaches_the_profile(app: httpx.AsyncClient) -> None:
    assert (await app.get("/api/v1/users/me")).json()["provider"] == "google"


async def test_13_failure_of_a_step_reaches_the_stream(
    stack: EphemeralStack, app: httpx.AsyncClient, sampled: Sample
) -> None:
    for _ in range(10):  # a scan may be faster than its cancellation
        submitted = (await app.post("/api/v1/scan", json={"image_url": sampled.image_url})).json()
        cancelled = await app.delete(f"/api/v1/scan/{submitted['job_id']}")
        if cancelled.status_code == 204:
            break
    else:
        pytest.fail("ten scans were faster than their cancellations")
    last = (await events_of(stack, sampled, submitted["stream_url"]))[-1]
    assert last.name == "error"
    assert last.data["status"] == "failed"


@pytest.mark.parametrize("origin", ["https://localhost:5173", "http://localhost:5173"])
async def test_14_the_apps_development_page_is_an_allowed_origin(
    app: httpx.AsyncClient, sampled: Sample, origin: str
) -> None:
    """Of every domain, of event streams and of refusals."""
    for path in (
        "/api/v1/auth/google",
        "/api/v1/users/me",
        f"/api/v1/scan/{sampled.scan_job_id}/result",
        f"/api/v1/chat/{sampled.chat_job_id}/events",
        "/api/v1/locations/centers",
    ):
        answer = await app.get(path, headers={"origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin, path
        assert answer.headers["access-control-allow-credentials"] == "true", path


async def test_15_failed_sign_in_leads_to_the_login_page(app: httpx.AsyncClient) -> None:
    answer = await app.get("/api/v1/auth/google/callback?code=x&state=y")
    assert answer.status_code == 307
    assert "/#/login?error=" in answer.headers["location"]


async def test_16_refreshes_at_once_end_in_the_same_session(stack: EphemeralStack) -> None:
    session = await asyncio.to_thread(sample.sign_in, stack, "refreshing")
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=20) as client:
        answers = await asyncio.gather(
            *(
                client.post("/api/v1/auth/refresh", headers={"cookie": session.refresh_cookie})
                for _ in range(4)
            )
        )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert [answer.text for answer in answers] == ["null"] * 4


async def test_17_coordinates_are_numbers(app: httpx.AsyncClient) -> None:
    centres = (await app.get(f"/api/v1/locations/centers?{CENTRE}")).json()
    assert centres
    for centre in centres:
        assert isinstance(centre["latitude"], float | int)
        assert isinstance(centre["longitude"], float | int)


async def test_18_rules_are_the_whole_document(app: httpx.AsyncClient, sampled: Sample) -> None:
    result = (await app.get(f"/api/v1/scan/{sampled.scan_job_id}/result")).json()
    rules = result["pipeline_result"]["disposal_rules"]
    assert {"key", "category"} < set(rules)


async def test_19_signing_keys_are_published(stack: EphemeralStack) -> None:
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        keys = (await client.get("/api/v1/auth/.well-known/jwks.json")).json()["keys"]
    assert keys
    for key in keys:
        assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
        assert {"kid", "n", "e"} <= set(key)


async def test_the_legacy_stream_has_the_events_of_the_scan(
    stack: EphemeralStack, sampled: Sample
) -> None:
    events = await events_of(stack, sampled, f"/api/v1/stream?job_id={sampled.scan_job_id}")
    stages = [(event.name, event.data["status"]) for event in events if event.name != "keepalive"]
    assert stages[-1] == ("done", "completed")
    assert events == await events_of(stack, sampled, f"/api/v1/scan/{sampled.scan_job_id}/events")


async def test_logout_never_answers_401_or_403(stack: EphemeralStack) -> None:
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        for cookie in ("s_access=x", "s_refresh=x", "s_access=; s_refresh="):
            answer = await client.post("/api/v1/auth/logout", headers={"cookie": cookie})
            assert answer.status_code == 200


async def test_revoked_session_is_401_and_its_refresh_too(stack: EphemeralStack) -> None:
    session = await asyncio.to_thread(sample.sign_in, stack, "gone")
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers={"origin": ORIGIN}, timeout=20
    ) as client:
        both = f"s_access={session.access_token}; {session.refresh_cookie}"
        assert (await client.post("/api/v1/auth/logout", headers={"cookie": both})).is_success

        async def refused() -> bool:
            answer = await client.get("/api/v1/users/me", headers=session.bearer)
            assert answer.status_code in (200, 401)
            return answer.status_code == 401

        await until(refused, within_seconds=5, what="the revocation")
        revoked = await client.get("/api/v1/users/me", headers=session.bearer)
        assert_refused(revoked, 401, "TOKEN_REVOKED")
        again = await client.post(
            "/api/v1/auth/refresh", headers={"cookie": session.refresh_cookie}
        )
        assert_refused(again, 401, "TOKEN_REVOKED")

"""What the app reads without looking first: each numbered rule of the wire as a test.

The app has no validation of its own; it breaks exactly where it dereferences.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.routes import DESCRIPTOR
from tests import sample
from tests.contract.edge import ORIGIN
from tests.sample import CENTRE, Sample

pytestmark = pytest.mark.stack

DOCUMENT = json.loads((DESCRIPTOR.parents[1] / "openapi" / "eco2.json").read_text())


@pytest.fixture
async def app(stack: EphemeralStack, sampled: Sample) -> AsyncIterator[httpx.AsyncClient]:
    """The sampled user's app."""
    async with sample.app_of(stack, sampled) as opened:
        yield opened


@pytest.fixture
async def newcomer(stack: EphemeralStack) -> AsyncIterator[httpx.AsyncClient]:
    """The app of somebody who has nothing yet."""
    session = sample.sign_in(stack, "newcomer")
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers={"origin": ORIGIN, **session.bearer}, timeout=20
    ) as opened:
        yield opened


async def read(app: httpx.AsyncClient, path: str) -> Any:
    answer = await app.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for member in value.values() for name in names_in(member)}
    if isinstance(value, list):
        return {name for item in value for name in names_in(item)}
    return set()


async def test_1_members_are_in_snake_case(app: httpx.AsyncClient, sampled: Sample) -> None:
    for path in (
        "/api/v1/users/me",
        "/api/v1/users/me/characters",
        f"/api/v1/locations/centers?{CENTRE}",
        "/api/v1/info/news",
        "/api/v1/chat",
        f"/api/v1/chat/{sampled.chat_id}",
    ):
        names = names_in(await read(app, path))
        assert names
        assert not [name for name in names if name != name.lower() or "-" in name], path


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users/me/characters",
        f"/api/v1/locations/centers?{CENTRE}",
        "/api/v1/locations/search?q={place}",
        "/api/v1/locations/suggest?q={place}",
        "/api/v1/scan/categories",
        "/api/v1/character/catalog",
    ],
)
async def test_2_array_is_not_wrapped(app: httpx.AsyncClient, sampled: Sample, path: str) -> None:
    found = await read(app, path.format(place=sampled.place))
    assert isinstance(found, list)
    assert found


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/locations/centers?lat=0&lon=0&radius=100",
        "/api/v1/locations/search?q=qzxjvk",
        "/api/v1/locations/suggest?q=qzxjvk",
    ],
)
async def test_2_array_without_elements_is_an_array(app: httpx.AsyncClient, path: str) -> None:
    answer = await app.get(path)
    assert (answer.status_code, answer.content) == (200, b"[]")


async def test_3_empty_arrays_are_there(
    app: httpx.AsyncClient, newcomer: httpx.AsyncClient, sampled: Sample
) -> None:
    assert await read(newcomer, "/api/v1/chat") == {"chats": []}
    chat = (await newcomer.post("/api/v1/chat")).json()
    opened = await read(newcomer, f"/api/v1/chat/{chat['id']}")
    assert opened["messages"] == []
    assert opened["has_more"] is False
    news = await read(app, "/api/v1/info/news?category=ai&source=newsdata")
    assert news["articles"] == []
    place = await read(app, f"/api/v1/locations/centers/{sampled.center_id}")
    assert isinstance(place["pickup_categories"], list)
    result = await read(app, f"/api/v1/scan/{sampled.scan_job_id}/result")
    assert result["pipeline_result"]["final_answer"]["insufficiencies"] == []


async def test_4_reward_is_null_when_there_is_none(app: httpx.AsyncClient) -> None:
    job_id = await sample.unrecognised_scan(app)
    result = await read(app, f"/api/v1/scan/{job_id}/result")
    assert "reward" in result
    assert result["reward"] is None
    assert isinstance(result["pipeline_result"]["final_answer"]["disposal_steps"], dict)


async def test_5_last_page_has_no_cursor(app: httpx.AsyncClient, sampled: Sample) -> None:
    for path in (
        "/api/v1/chat?limit=100",
        f"/api/v1/chat/{sampled.chat_id}?limit=200",
        "/api/v1/users/me/points/entries?limit=50",
        "/api/v1/scan/history?limit=50",
        "/api/v1/images?limit=50",
    ):
        assert (await read(app, path)).get("next_cursor") is None, path
    page = await read(app, "/api/v1/info/news?limit=50&category=ai&source=newsdata")
    assert page["has_more"] is False
    assert page.get("next_cursor") is None


async def test_6_steps_come_in_order(app: httpx.AsyncClient, sampled: Sample) -> None:
    result = await read(app, f"/api/v1/scan/{sampled.scan_job_id}/result")
    steps = result["pipeline_result"]["final_answer"]["disposal_steps"]
    assert [*steps] == [f"단계{number}" for number in range(1, len(steps) + 1)]


async def test_7_integers_are_numbers(app: httpx.AsyncClient, sampled: Sample) -> None:
    [first, *_] = await read(app, f"/api/v1/locations/centers?{CENTRE}")
    assert type(first["id"]) is int
    chats = (await read(app, "/api/v1/chat"))["chats"]
    assert {type(chat["message_count"]) for chat in chats} == {int}
    upload = await app.post(
        "/api/v1/images/scan", json={"filename": "a.png", "content_type": "image/png"}
    )
    assert type(upload.json()["expires_in"]) is int


def test_7_no_integer_of_the_surface_is_64_bits_wide() -> None:
    text = json.dumps(DOCUMENT)
    assert '"format": "int64"' not in text
    assert '"format": "uint64"' not in text


async def test_8_enumerations_are_words_in_lower_case(
    app: httpx.AsyncClient, sampled: Sample
) -> None:
    assert (await read(app, "/api/v1/users/me"))["provider"] == "google"
    messages = (await read(app, f"/api/v1/chat/{sampled.chat_id}"))["messages"]
    assert {message["role"] for message in messages} == {"user", "assistant"}
    centres = await read(app, f"/api/v1/locations/centers?{CENTRE}")
    assert {centre["source"] for centre in centres} <= {"keco", "zerowaste"}
    result = await read(app, f"/api/v1/scan/{sampled.scan_job_id}/result")
    assert result["status"] == "completed"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/auth/refresh", 401), ("/api/v1/auth/logout", 200), ("/api/v1/chat", 201)],
)
async def test_9_post_may_lack_body_and_content_type(
    stack: EphemeralStack, sampled: Sample, path: str, status: int
) -> None:
    signed_in = sampled.session.bearer if path == "/api/v1/chat" else {}
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        request = client.build_request("POST", path, headers=signed_in)
        assert "content-type" not in request.headers
        assert (await client.send(request)).status_code == status


async def test_10_unknown_members_are_ignored(app: httpx.AsyncClient) -> None:
    created = await app.post("/api/v1/chat", json={"session_id": "x", "temperature": 0.2})
    assert created.status_code == 201
    assert (await app.get("/api/v1/users/me?unknown=1")).status_code == 200


async def test_10_categories_are_listed_with_bare_commas(app: httpx.AsyncClient) -> None:
    answer = await app.get(
        f"/api/v1/locations/centers?{CENTRE}&store_category=refill_zero,public_dropbox"
    )
    assert answer.status_code == 200
    found = {centre["store_category"] for centre in answer.json()}
    assert found <= {"refill_zero", "public_dropbox"}


async def test_10_spaces_are_sent_as_plus(app: httpx.AsyncClient, sampled: Sample) -> None:
    plus = await app.get(f"/api/v1/locations/search?q={sampled.place}+수거함")
    encoded = await app.get(f"/api/v1/locations/search?q={sampled.place}%20수거함")
    assert plus.status_code == encoded.status_code == 200
    assert plus.json() == encoded.json()


async def test_11_success_of_logout_is_there(stack: EphemeralStack) -> None:
    async with httpx.AsyncClient(base_url=stack.base_url) as client:
        assert (await client.post("/api/v1/auth/logout")).json()["success"] is True


async def test_12_deletion_of_a_chat_has_no_body(app: httpx.AsyncClient) -> None:
    chat = (await app.post("/api/v1/chat")).json()
    gone = await app.delete(f"/api/v1/chat/{chat['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await app.get(f"/api/v1/chat/{chat['id']}")).status_code == 404


async def test_result_url_ends_in_the_job_and_result(
    app: httpx.AsyncClient, sampled: Sample
) -> None:
    submitted = (await app.post("/api/v1/scan", json={"image_url": sampled.image_url})).json()
    job_id = submitted["job_id"]
    assert submitted["stream_url"] == f"/api/v1/scan/{job_id}/events"
    assert submitted["result_url"].split("/")[-2:] == [job_id, "result"]


async def test_class_names_are_never_null(app: httpx.AsyncClient, sampled: Sample) -> None:
    result = await read(app, f"/api/v1/scan/{sampled.scan_job_id}/result")
    names = result["pipeline_result"]["classification_result"]["classification"]
    assert {*names} == {"major_category", "middle_category", "minor_category"}
    assert all(isinstance(name, str) and name for name in names.values())

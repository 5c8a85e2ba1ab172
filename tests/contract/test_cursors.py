"""Every list, read with pages of any sizes: each row once, in order, equal times or not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.local.ephemeral_stack import EphemeralStack
from tests import sample
from tests.contract.statuses import reason_of
from tests.sample import Sample, Session
from tests.stack_database import database_of

pytestmark = pytest.mark.stack

ROWS: Final = 9
"""Of every list; the times of most are equal."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list with cursors."""

    path: str
    rows: str
    """Member that holds the page."""
    key: str
    """Member that tells rows apart."""
    refusal: str = "INVALID_CURSOR"
    backwards: bool = False
    """Whether a page ascends while the pages lead back."""


LISTINGS: Final = {
    "points": Listing("/api/v1/users/me/points/entries", "entries", "id"),
    "images": Listing("/api/v1/images", "images", "key"),
    "scans": Listing("/api/v1/scan/history", "scans", "job_id"),
    "chats": Listing("/api/v1/chat", "chats", "id"),
    "messages": Listing("/api/v1/chat/{chat}", "messages", "id", backwards=True),
    "news": Listing(
        "/api/v1/info/news?category=energy", "articles", "id", refusal="INVALID_CURSOR_FORMAT"
    ),
}


@pytest.fixture(scope="module")
async def reader(stack: EphemeralStack, sampled: Sample) -> tuple[Session, dict[str, str]]:
    """Somebody with rows in every list, and what to put into the paths."""
    session = await asyncio.to_thread(sample.sign_in, stack, "paging")
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers=session.bearer, timeout=20
    ) as app:
        await _points(stack, session.user_id)
        for _ in range(ROWS):
            picture = await sample.upload(app)
            scan = await app.post("/api/v1/scan", json={"image_url": picture})
            scan.raise_for_status()
        chats = [(await app.post("/api/v1/chat")).json()["id"] for _ in range(ROWS)]
        for chat in chats[:4]:  # the others have no messages, and so no time of the last one
            await sample.turn(stack, app, chat, "캔은?")
        for number in range(ROWS // 2):
            await sample.turn(stack, app, chats[0], f"질문 {number}")
    await sample.news(stack, ROWS, category="energy", minutes=0)
    await _same_times(stack, session.user_id)
    return session, {"chat": chats[0]}


async def _points(stack: EphemeralStack, user_id: str) -> None:
    """Points that one transaction books, which have one time."""
    request = users_pb.GrantCharactersRequest()
    for number in range(ROWS):
        request.grants.add(
            user_id=user_id,
            character_id=str(uuid.uuid4()),
            code=f"char-{number}",
            name="페티",
            type="무색페트병",
            source="scan",
            points=10,
            reference=str(uuid.uuid4()),
        )
    async with sample.channel(stack, "users") as opened:
        await UsersServiceStub(opened).GrantCharacters(request, timeout=10)


async def _same_times(stack: EphemeralStack, user_id: str) -> None:
    """Give rows that came one after the other one time."""
    async with database_of(stack) as database:
        for table, column in (("scan.jobs", "created_at"), ("chat.chats", "last_message_at")):
            await database.execute(
                f"UPDATE {table} SET {column} = date_trunc('hour', {column}) "  # noqa: S608
                "WHERE user_id = $1",
                uuid.UUID(user_id),
            )
        await database.execute(
            "UPDATE chat.chats SET created_at = date_trunc('hour', created_at) WHERE user_id = $1",
            uuid.UUID(user_id),
        )


@pytest.fixture(scope="module")
def http(stack: EphemeralStack, reader: tuple[Session, dict[str, str]]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=stack.base_url, headers=reader[0].bearer, timeout=20, trust_env=False
    ) as opened:
        yield opened


def page(http: httpx.Client, path: str, limit: int, cursor: str | None) -> dict[str, Any]:
    joined = "&" if "?" in path else "?"
    parameters = f"{joined}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
    answer = http.get(path + parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def walk(http: httpx.Client, listing: Listing, path: str, limits: list[int]) -> list[str]:
    """Keys in the order of the list, read with pages of these sizes, the last one repeated."""
    keys: list[str] = []
    cursor = None
    for number in range(ROWS * 40):
        got = page(http, path, limits[min(number, len(limits) - 1)], cursor)
        rows = [row[listing.key] for row in got[listing.rows]]
        keys += rows[::-1] if listing.backwards else rows
        cursor = got.get("next_cursor")
        if cursor is None:
            assert not got.get("has_more")
            return keys
        assert cursor, "an empty cursor would lead the app to another page"
        assert rows, "a page with a cursor has rows"
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("name", LISTINGS)
def test_every_row_comes_once_and_in_order(
    http: httpx.Client, reader: tuple[Session, dict[str, str]], name: str
) -> None:
    listing = LISTINGS[name]
    path = listing.path.format(**reader[1])
    whole = walk(http, listing, path, [50])
    assert len(whole) >= ROWS
    assert len(set(whole)) == len(whole)

    @settings(
        max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(st.integers(1, ROWS + 1), min_size=1, max_size=ROWS))
    def paged(limits: list[int]) -> None:
        assert walk(http, listing, path, limits) == whole

    paged()


@pytest.mark.parametrize("name", LISTINGS)
def test_forged_cursor_is_400(
    http: httpx.Client, reader: tuple[Session, dict[str, str]], name: str
) -> None:
    listing = LISTINGS[name]
    path = listing.path.format(**reader[1])
    real = page(http, path, 1, None)["next_cursor"]
    others = {
        other: page(http, each.path.format(**reader[1]), 1, None)["next_cursor"]
        for other, each in LISTINGS.items()
        if other != name
    }
    forged = ["x", "-1", "%00", "가", "' OR 1=1 --", "A" * 200, f"x{real}"]
    if name != "news":  # its cursors are times in the open, as the contract has them
        forged += [f"{real}x", real[:-1], real[:-2], real.swapcase()]
        forged += [cursor for cursor in others.values() if cursor != real]
    else:
        forged += [cursor for other, cursor in others.items() if other != "news"]
    for cursor in forged:
        joined = "&" if "?" in path else "?"
        answer = http.get(f"{path}{joined}cursor={cursor}")
        assert answer.status_code == 400, (cursor, answer.text)
        assert reason_of(answer.json()) == listing.refusal, cursor

"""One user of a running stack who has some of everything, for tests that look at answers."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import random
import subprocess
import time
import uuid
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import grpc.aio
import httpx
import pytest
from eco2.chat.v1 import chat_service_pb2 as chat_pb
from eco2.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from eco2.info.v1 import info_service_pb2 as info_pb
from eco2.info.v1.info_service_pb2_grpc import InfoServiceStub
from eco2.users.v1 import users_service_pb2 as users_pb
from eco2.users.v1.users_service_pb2_grpc import UsersServiceStub
from PIL import Image

from mesh.local.ephemeral_stack import EphemeralStack
from services.cli.app_client import AppClient
from services.cli.demo import SAMPLE
from services.runtime.ports import HOST
from tests.wait import until

QUESTION: Final = "페트병은 어떻게 버려?"
ANSWER: Final = "라벨을 떼고 투명 페트병 전용 수거함에 넣어 주세요."

ORIGIN: Final = "https://localhost:5173"
"""An origin the app is served from."""

CENTRE: Final = "lat=37.5665&lon=126.978"
"""Where the sample places are."""

EPOCH: Final = datetime(2026, 1, 19, 12, tzinfo=UTC)
"""When the oldest of the sample's news was published."""


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in user."""

    user_id: str
    access_token: str
    refresh_token: str

    @property
    def bearer(self) -> dict[str, str]:
        """Headers of a request."""
        return {"authorization": f"Bearer {self.access_token}"}

    @property
    def refresh_cookie(self) -> str:
        """Cookie header of a refresh."""
        return f"s_refresh={self.refresh_token}"


def sign_in(stack: EphemeralStack, user: str) -> Session:
    """A new session of a user; the account is made on first use."""
    printed: dict[str, Any] = json.loads(stack.eco2("token", "--user", user, "--json"))
    return Session(printed["user_id"], printed["access_token"], printed["refresh_token"])


@dataclass(frozen=True, slots=True)
class Sample:
    """What there is to ask for."""

    session: Session
    image_key: str
    image_url: str
    image_etag: str
    scan_job_id: str
    """Of a scan that completed."""
    chat_id: str
    """Of a chat with one turn."""
    chat_job_id: str
    """Of the chat's first turn."""
    article_id: str
    center_id: int
    item_id: str
    """Of an item of the guide."""
    place: str
    """A word that a place around has in its name."""


async def make(stack: EphemeralStack, user: str) -> Sample:
    """Sign a user in and give them a completed scan, a chat with an answer and some news."""
    session = await asyncio.to_thread(sign_in, stack, user)
    async with AppClient(stack.base_url, session.access_token) as app:
        picture = await asyncio.to_thread(SAMPLE.read_bytes)
        image_url = await app.upload(picture, SAMPLE.name, "image/jpeg")
        scan = await app.submit(image_url)
        async with aclosing(app.events(scan.stream_url)) as events:
            async for event in events:
                if event.name in ("done", "error"):
                    break
        chat = await app.post("/api/v1/chat", {"title": "페트병"})
        turn = await app.post(f"/api/v1/chat/{chat['id']}/messages", {"message": QUESTION})
    await _fill_in(stack, session)
    await _answered(stack, turn["job_id"])
    await points(stack, session.user_id, 1)
    articles = await news(stack, 3)
    async with AppClient(stack.base_url, session.access_token) as app:
        item_id = (await app.get("/api/v1/info/items"))[0]["id"]
    center_id, place = await _places(stack, session)
    return Sample(
        session=session,
        image_key=image_url.partition("/images/")[2],
        image_url=image_url,
        image_etag=hashlib.md5(picture, usedforsecurity=False).hexdigest(),
        scan_job_id=scan.job_id,
        chat_id=chat["id"],
        chat_job_id=turn["job_id"],
        article_id=articles[0],
        center_id=center_id,
        item_id=item_id,
        place=place,
    )


async def _fill_in(stack: EphemeralStack, session: Session) -> None:
    """A phone number, and a chat without messages beside the one that has some."""
    number = f"010-{random.randrange(10**4):04d}-{random.randrange(10**4):04d}"
    async with httpx.AsyncClient(base_url=stack.base_url, headers=session.bearer) as client:
        for answer in (
            await client.patch("/api/v1/users/me", json={"phone_number": number}),
            await client.post("/api/v1/chat"),
        ):
            answer.raise_for_status()


def needs_places(sampled: Sample) -> None:
    """Skip the test where the stack has no places."""
    if not sampled.center_id:
        pytest.skip("this stack serves no places")


def app_of(stack: EphemeralStack, sampled: Sample) -> httpx.AsyncClient:
    """The app of the sampled user, on an origin the edge allows."""

    async def skip_without_places(request: httpx.Request) -> None:
        if request.url.path.startswith("/api/v1/locations"):
            needs_places(sampled)

    return httpx.AsyncClient(
        base_url=stack.base_url,
        headers={"origin": ORIGIN, **sampled.session.bearer},
        event_hooks={"request": [skip_without_places]},
        timeout=20,
    )


async def _places(stack: EphemeralStack, session: Session) -> tuple[int, str]:
    """Import the sample places; id and first word of the name of one of them. 0 without places."""
    try:
        await asyncio.to_thread(stack.eco2, "seed")
    except subprocess.CalledProcessError:
        return 0, ""
    async with AppClient(stack.base_url, session.access_token) as app:
        around = await app.get(f"/api/v1/locations/centers?{CENTRE}")
    return around[0]["id"], around[0]["name"].split()[0]


def channel(stack: EphemeralStack, domain: str) -> grpc.aio.Channel:
    """Channel to a domain's server, behind the edge."""
    return grpc.aio.insecure_channel(f"{HOST}:{stack.port(domain)}")


async def _answered(stack: EphemeralStack, job_id: str) -> None:
    """Answer a turn as the pipeline would; nothing changes where it has been faster."""
    async with channel(stack, "chat") as opened:
        request = chat_pb.AppendTurnRequest(job_id=job_id)
        request.answer.content = ANSWER
        request.answer.intent = "waste"
        await ChatServiceStub(opened).AppendTurn(request, timeout=10)


async def points(stack: EphemeralStack, user_id: str, count: int) -> None:
    """Book so many entries."""
    async with channel(stack, "users") as opened:
        stub = UsersServiceStub(opened)
        for _ in range(count):
            await stub.AddPoints(
                users_pb.AddPointsRequest(
                    user_id=user_id, points=10, reason="scan", reference=str(uuid.uuid4())
                ),
                timeout=10,
            )


async def news(
    stack: EphemeralStack, count: int, *, category: str = "environment", minutes: int = 1
) -> list[str]:
    """Store so many articles, so many minutes apart; their ids, newest first."""
    request = info_pb.UpsertNewsRequest()
    mark = time.time_ns()
    for number in range(count):
        article = request.articles.add(
            id=f"sample-{mark}-{number}",
            url=f"https://example.com/news/{mark}/{number}",
            title=f"재활용 소식 {number}",
            snippet="투명 페트병을 따로 모읍니다.",
            source="naver",
            source_name="환경일보",
            category=category,
            thumbnail_url="https://example.com/thumbnail.jpg",
            keywords=["재활용", "페트병"],
        )
        article.published_at.FromDatetime(EPOCH + timedelta(minutes=minutes * number))
    async with channel(stack, "info") as opened:
        await InfoServiceStub(opened).UpsertNews(request, timeout=10)
    return [article.id for article in reversed(request.articles)]


async def turn(stack: EphemeralStack, app: httpx.AsyncClient, chat_id: str, text: str) -> str:
    """A question of a chat that has been answered; its job."""
    sent = await app.post(f"/api/v1/chat/{chat_id}/messages", json={"message": text})
    job_id = str(sent.raise_for_status().json()["job_id"])
    await _answered(stack, job_id)
    return job_id


def grey_picture() -> bytes:
    """A PNG that shows nothing."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(picture, "PNG")
    return picture.getvalue()


async def upload(app: httpx.AsyncClient) -> str:
    """URL of an uploaded picture that shows nothing."""
    ticket = (
        await app.post(
            "/api/v1/images/scan", json={"filename": "grey.png", "content_type": "image/png"}
        )
    ).json()
    async with httpx.AsyncClient() as storage:
        sent = await storage.put(
            ticket["upload_url"], content=grey_picture(), headers=ticket["required_headers"]
        )
        sent.raise_for_status()
    return str(ticket["cdn_url"])


async def unrecognised_scan(app: httpx.AsyncClient) -> str:
    """Job of a scan that completed without a reward: nothing can be read in the picture."""
    job = (await app.post("/api/v1/scan", json={"image_url": await upload(app)})).json()

    async def done() -> bool:
        return (await app.get(job["result_url"])).status_code == 200

    await until(done, within_seconds=30, what="the scan of a grey picture")
    return str(job["job_id"])

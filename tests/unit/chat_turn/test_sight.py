"""Looking at the picture of a turn, whatever is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from eco2.pipeline.v1 import chat_turn_pb2

from services.runtime.objectstore import ObjectNotFoundError, ObjectStoreError
from streaming.chat.sight import look
from streaming.model.guard import Budget
from streaming.model.models import Photo, Told
from streaming.model.provider import ModelRejected, ModelTimeout, Vision

SEEN = Vision(major="재활용폐기물", middle="유리병", minor=None, model="m", prompt_version="v")


class Eyes:
    """A model that reads the photo, and fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.photos: list[Photo] = []

    async def vision(self, photo: Photo, question: str, **_: Any) -> Told[Vision]:
        self.photos.append(photo)
        await photo.read()
        if self.error is not None:
            raise self.error
        return Told("eyes", SEEN)


class Store:
    """A bucket that fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def read(self, key: str, most: int) -> bytes:
        if self.error is not None:
            raise self.error
        return b"jpeg"


async def see(message: str, eyes: Eyes, store: Store) -> Any:
    task = chat_turn_pb2.ChatTurn(
        message=message, image_url="https://images.example/a.jpg", image_key="chat/a.jpg"
    )
    models: Any = eyes
    photos: Any = store
    return await look(
        task,
        models,
        photos,
        most_bytes=1000,
        detail="high",
        budget=Budget(work_seconds=1.0, patience_seconds=0.0),
    )


async def test_what_it_shows_comes_with_its_call() -> None:
    eyes = Eyes()
    seen, call = await see("이거?", eyes, Store())
    assert (seen, call.kind, call.provider) == (SEEN, "vision", "eyes")
    assert eyes.photos[0].detail == "high"


@pytest.mark.parametrize("error", [ModelRejected("no image"), ModelTimeout("slow")])
async def test_a_picture_no_model_can_read_is_done_without(error: Exception) -> None:
    assert await see("", Eyes(error), Store()) is None


async def test_a_picture_that_is_out_of_reach_is_done_without() -> None:
    assert await see("", Eyes(), Store(ObjectStoreError("away"))) is None


async def test_a_picture_that_is_gone_is_done_without_where_there_are_words() -> None:
    assert await see("이거?", Eyes(), Store(ObjectNotFoundError("gone"))) is None
    with pytest.raises(ObjectNotFoundError):
        await see("", Eyes(), Store(ObjectNotFoundError("gone")))

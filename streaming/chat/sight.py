"""Looking at the picture of a turn, as a scan's is looked at."""

from __future__ import annotations

from eco2.pipeline.v1 import chat_turn_pb2

from services.runtime import logs
from services.runtime.objectstore import ObjectNotFoundError, ObjectStore, ObjectStoreError
from streaming.chat.branch import ModelCall
from streaming.model.guard import Budget
from streaming.model.models import Models, Photo
from streaming.model.provider import ModelError, Vision

log = logs.get(__name__)


async def look(
    task: chat_turn_pb2.ChatTurn,
    models: Models,
    photos: ObjectStore,
    *,
    most_bytes: int,
    detail: str,
    budget: Budget,
) -> tuple[Vision, ModelCall] | None:
    """What the picture shows; None when it could not be looked at and the words may do.

    Raises ObjectNotFoundError for a picture that is gone when there are no words.
    """
    photo = Photo(
        url=task.image_url,
        content_type=task.image_content_type,
        read=lambda: photos.read(task.image_key, most_bytes),
        detail=detail,
    )
    try:
        told = await models.vision(photo, task.message, model=task.model, budget=budget)
    except ObjectNotFoundError:
        if not task.message.strip():
            raise
        log.warning("the picture of a turn is gone", job_id=task.job_id)
        return None
    except (ModelError, ObjectStoreError) as error:
        log.repeated("a picture was not looked at", job_id=task.job_id, error=str(error))
        return None
    return told.value, ModelCall(told.provider, told.value.model, "vision", told.value.usage)

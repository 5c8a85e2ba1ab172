"""The facts of accounts that other domains act on, as messages of the outbox. Pure."""

from __future__ import annotations

import uuid
from datetime import datetime

from eco2.pipeline.v1 import identity_events_pb2 as events_pb

from services.runtime.outbox import Message
from streaming.kafka.topics import USER_CREATED, USER_DELETED


def created(user_id: uuid.UUID, provider: str, at: datetime) -> Message:
    """An account was made, by a first sign-in with this provider."""
    fact = events_pb.UserCreated(user_id=str(user_id), provider=provider)
    fact.created_at.FromDatetime(at)
    return Message(USER_CREATED.name, str(user_id), fact.SerializeToString())


def deleted(user_id: uuid.UUID, at: datetime) -> Message:
    """An account is gone, and what is kept of the user must go."""
    fact = events_pb.UserDeleted(user_id=str(user_id))
    fact.deleted_at.FromDatetime(at)
    return Message(USER_DELETED.name, str(user_id), fact.SerializeToString())

"""The fact that a session has been ended, as it travels to the edge. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked

from services.auth.tokens import CLOCK_SKEW_SECONDS
from services.runtime.outbox import Message

TOPIC: Final = "auth.revocations"

LOGOUT: Final = "logout"
REUSE: Final = "reuse"
REVOKED: Final = "revoked"
ERASED: Final = "erased"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One ended session."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    reason: str
    revoked_at: datetime
    tokens_expire_at: datetime

    def message(self) -> Message:
        """The record; it counts until the last token is past the clock skew that is allowed."""
        event = SessionRevoked(
            session_id=str(self.session_id), user_id=str(self.user_id), reason=self.reason
        )
        event.revoked_at.FromDatetime(self.revoked_at)
        event.expires_at.FromDatetime(self.tokens_expire_at + timedelta(seconds=CLOCK_SKEW_SECONDS))
        return Message(TOPIC, event.session_id, event.SerializeToString())

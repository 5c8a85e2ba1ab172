"""The first character of every user, which the character domain names."""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from typing import Final

import grpc.aio
from eco2.character.v1 import character_service_pb2 as pb
from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub

from services.runtime import logs
from services.users.profile import ownership_id
from services.users.store import Grant

log = logs.get(__name__)

SOURCE: Final = "default-onboard"

ASK_SECONDS: Final = 1.0
"""Budget of asking; a sign-up goes on without an answer."""

KEPT_SECONDS: Final = 10.0
"""How old an answer may be; the catalogue may change while this process runs."""

AGAIN_SECONDS: Final = 1.0
"""Pause after a question without an answer."""


class Starters:
    """Makes grants of the default character."""

    def __init__(self, character_channel: grpc.aio.Channel) -> None:
        self._characters = CharacterServiceStub(character_channel)
        self._default: pb.Character | None = None
        self._ask_again_at = 0.0

    async def grant(self, user_id: uuid.UUID, given_at: datetime) -> Grant | None:
        """A grant of the default character; None when nobody could say yet which it is."""
        character = await self._default_character()
        if character is None:
            return None
        return Grant(
            ownership_id=ownership_id(str(user_id), character.code),
            user_id=user_id,
            character_id=uuid.UUID(character.character_id),
            code=character.code,
            name=character.name,
            type=character.type,
            dialog=character.dialog,
            source=SOURCE,
            granted_at=given_at,
        )

    async def _default_character(self) -> pb.Character | None:
        """The default character of late; the last one known while the character domain is away."""
        if time.monotonic() >= self._ask_again_at:
            try:
                answer = await self._characters.GetDefaultCharacter(
                    pb.GetDefaultCharacterRequest(), timeout=ASK_SECONDS
                )
                self._default = answer.character
                self._ask_again_at = time.monotonic() + KEPT_SECONDS
            except grpc.aio.AioRpcError as error:
                log.warning("the default character can't be asked for", code=error.code().name)
                self._ask_again_at = time.monotonic() + AGAIN_SECONDS
        return self._default

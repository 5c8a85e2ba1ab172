"""Which character a classification earns, asked once a while and class instead of once a scan."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from eco2.character.v1 import character_service_pb2

if TYPE_CHECKING:
    from eco2.character.v1.character_service_pb2_grpc import CharacterServiceAsyncStub

MOST_ANSWERS: Final = 2_000
"""Answers kept; the taxonomy has some 170 classifications."""

Request = character_service_pb2.MatchCharacterRequest
Response = character_service_pb2.MatchCharacterResponse


class Catalogue:
    """The character service, with a memory.

    Its answer depends on the request and a catalogue that hardly ever changes, so an answer may be
    `keep_seconds` old. At 25 scans a second a few seconds save most of the calls.
    """

    def __init__(self, character: CharacterServiceAsyncStub, keep_seconds: float) -> None:
        self._character = character
        self._keep_seconds = keep_seconds
        self._answers: dict[bytes, tuple[float, Response]] = {}

    async def match(self, request: Request, timeout_seconds: float) -> Response:
        """The answer to `request`; raises ``grpc.aio.AioRpcError``. Do not change it."""
        key = request.SerializeToString(deterministic=True)
        now = time.monotonic()
        kept = self._answers.get(key)
        if kept is not None and now < kept[0]:
            return kept[1]
        answer: Response = await self._character.MatchCharacter(request, timeout=timeout_seconds)
        if len(self._answers) >= MOST_ANSWERS:
            self._answers.clear()
        self._answers[key] = (now + self._keep_seconds, answer)
        return answer

"""Logging out: it always succeeds, and does as much of it as can be done.

Ordinarily the session ends in PostgreSQL and the fact goes out through the outbox. While PostgreSQL
is away the fact is sent to Kafka by itself, made from the token, so that the edge refuses the
session all the same; and the ending is owed: this process writes it down when PostgreSQL is back.
Until then a copy of the refresh token could still be rotated, into tokens that the edge refuses as
well. What is owed is lost with the process, and with both PostgreSQL and Kafka away nothing but the
browser's cookies ends: that is counted in ``auth_logouts_total{outcome="cookies"}``.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from prometheus_client import Counter, Gauge

from services.auth.lifecycle import Sessions
from services.auth.revocation import LOGOUT, Revocation
from services.auth.settings import AuthSettings
from services.auth.tokens import Claims, TokenError
from services.auth.visitor import Visitor
from services.runtime import logs
from services.runtime.outbox import Send

log = logs.get(__name__)

DATABASE_SECONDS: Final = 3.0
"""Longest a logout waits for PostgreSQL."""

SEND_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 0.5
"""How long a logout without PostgreSQL waits for Kafka; the send goes on beside it."""

OWED_SECONDS: Final = 1.0
MAX_OWED: Final = 10_000

_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

_LOGOUTS = Counter("auth_logouts_total", "Logouts, by how far they got.", ["outcome"])
_OWED = Gauge("auth_logouts_owed", "Sessions to be ended when PostgreSQL is back.")


class Logout:
    """Ends the sessions of whatever tokens it is shown."""

    def __init__(self, settings: AuthSettings, sessions: Sessions, send: Send) -> None:
        self._settings = settings
        self._sessions = sessions
        self._send = send
        self._owed: OrderedDict[uuid.UUID, Visitor] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def end(self, tokens: Sequence[str], visitor: Visitor) -> None:
        """End the sessions of those tokens that are ours, expired or not. Never raises."""
        try:
            found = await self._read(tokens)
            if found:
                await self._end(found, visitor)
            else:
                _LOGOUTS.labels("nothing").inc()
        except Exception:
            _LOGOUTS.labels("cookies").inc()
            log.exception("logout did no more than clear the cookies")

    async def _read(self, tokens: Sequence[str]) -> dict[uuid.UUID, Claims]:
        found: dict[uuid.UUID, Claims] = {}
        for token in tokens:
            try:
                claims = await self._sessions.read(token)
            except TokenError:
                continue
            found[claims.session_id] = claims
        return found

    async def _end(self, found: dict[uuid.UUID, Claims], visitor: Visitor) -> None:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                count = await self._sessions.end(list(found), LOGOUT, visitor)
        except _AWAY as error:
            log.warning("logout without the database", error=type(error).__name__)
        else:
            _LOGOUTS.labels("ended" if count else "nothing").inc()
            return
        self._owe(found, visitor)
        sends = asyncio.gather(*map(self._announce, found.values()))
        task = asyncio.create_task(_all(sends))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        _LOGOUTS.labels("announced" if done and task.result() else "cookies").inc()

    async def _announce(self, claims: Claims) -> bool:
        """Publish the ending of a session of which no more is known than its token says."""
        now = self._sessions.now()
        revocation = Revocation(
            claims.session_id, claims.user_id, LOGOUT, now, now + self._settings.longest_token_life
        )
        try:
            await self._send(revocation.message(), SEND_SECONDS)
        except Exception as error:
            log.warning("revocation not acknowledged", error=str(error))
            return False
        return True

    def _owe(self, session_ids: dict[uuid.UUID, Claims], visitor: Visitor) -> None:
        for session_id in session_ids:
            self._owed[session_id] = visitor
        while len(self._owed) > MAX_OWED:
            self._owed.popitem(last=False)
        _OWED.set(len(self._owed))

    async def run(self) -> None:
        """End what is owed as soon as PostgreSQL is back. Never returns."""
        while True:
            await asyncio.sleep(OWED_SECONDS)
            try:
                await self.settle()
            except _AWAY:
                continue

    async def settle(self) -> None:
        """End the sessions that are owed; raises while PostgreSQL is away."""
        for session_id, visitor in list(self._owed.items()):
            await self._sessions.end([session_id], LOGOUT, visitor)
            self._owed.pop(session_id, None)
        _OWED.set(len(self._owed))

    async def close(self) -> None:
        """Let sends come to their end, for a moment."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=ANSWER_SECONDS)


async def _all(results: asyncio.Future[list[bool]]) -> bool:
    return all(await results)

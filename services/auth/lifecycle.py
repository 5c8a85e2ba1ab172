"""The life of a session: started, refreshed, ended. Reads, decides, writes; signs on the way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from prometheus_client import Counter

from services.auth import sessions, tokens
from services.auth.keyring import Keyring
from services.auth.revocation import ERASED, REUSE, REVOKED
from services.auth.sessions import Family, Issued, Verdict
from services.auth.settings import AuthSettings
from services.auth.store import Device, Ended, Ending, Listed
from services.auth.tokens import Claims, TokenError, UnknownKeyError
from services.auth.visitor import Visitor
from services.runtime import logs
from services.runtime.errors import DomainError
from services.runtime.outbox import Entry
from services.runtime.signed_tokens import TokenPolicy

log = logs.get(__name__)

ATTEMPTS: Final = 10
"""How often a refresh looks again after another one was faster. Each loss is another's success, and
after the first the token is within its grace window; more than two mean a client in a loop."""

_REFRESHES = Counter("auth_refreshes_total", "Refreshes of well-formed tokens.", ["outcome"])
_ENDED = Counter("auth_sessions_ended_total", "Sessions ended.", ["reason"])

Publish = Callable[[Sequence[Entry]], Awaitable[bool]]
"""Sends what was committed to the outbox."""


class Store(Protocol):
    """Where sessions are kept; :class:`services.auth.store.SessionStore` says what each does."""

    async def add(self, family: Family, device: Device, now: datetime) -> None:
        """Store a new session and the record of the sign-in."""

    async def get(self, session_id: uuid.UUID) -> Family | None:
        """A session, ended or not."""

    async def rotate(self, before: Family, after: Family, now: datetime) -> bool:
        """Replace a session by its next state, if it is still in the state before."""

    async def end(self, session_ids: Sequence[uuid.UUID], ending: Ending) -> Ended:
        """End those of the sessions that have not ended."""

    async def end_all(self, user_id: uuid.UUID, ending: Ending) -> Ended:
        """End every session of a user that has not ended."""

    async def erase(self, user_id: uuid.UUID, ending: Ending) -> Ended:
        """Remove every trace of a user."""

    async def owner(self, session_id: uuid.UUID) -> uuid.UUID | None:
        """The user of a session."""

    async def listed(self, user_id: uuid.UUID, now: datetime) -> list[Listed]:
        """Sessions of a user that can still be refreshed."""


class Sessions:
    """Starts, refreshes and ends sessions. `clock` gives the time, aware of its zone."""

    def __init__(
        self,
        settings: AuthSettings,
        store: Store,
        keyring: Keyring,
        publish: Publish,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._store = store
        self._keyring = keyring
        self._publish = publish
        self._clock = clock
        self._policy = TokenPolicy(settings.jwt_issuer, settings.jwt_audience)

    def now(self) -> datetime:
        """The time sessions go by."""
        return self._clock()

    async def start_session(
        self, user_id: str, provider: str, device_id: str, user_agent: str, login_ip: str
    ) -> Issued:
        """Start a session of a user, whose account is known to exist; the first pair of tokens."""
        now = self._clock()
        key = await self._keyring.active()
        family = sessions.started(
            uuid.uuid4(),
            uuid.UUID(user_id),
            provider,
            sessions.next_pair(now, self._settings.lifetimes, key.kid),
        )
        issued = await self._signed(family)
        await self._store.add(family, Device(device_id, Visitor(login_ip, user_agent)), now)
        return issued

    async def refresh(self, token: str, visitor: Visitor) -> Issued:
        """The pair of tokens that follows a refresh token.

        DomainError TOKEN_INVALID, TOKEN_TYPE_MISMATCH, TOKEN_EXPIRED or TOKEN_REVOKED.
        """
        try:
            claims = await self.read(token)
            tokens.require_refresh(claims, self._clock())
        except TokenError as error:
            metadata = {}
            if error.reason == ErrorReason.ERROR_REASON_TOKEN_TYPE_MISMATCH:
                metadata["expected"] = tokens.REFRESH
            raise DomainError(error.reason, str(error), metadata=metadata) from None
        for _ in range(ATTEMPTS):
            issued = await self._refreshed(claims, visitor)
            if issued is not None:
                return issued
        raise DomainError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
            "the session is being refreshed over and over",
            metadata={"dependency": "postgres"},
            retry_after_seconds=1,
        )

    async def _refreshed(self, claims: Claims, visitor: Visitor) -> Issued | None:
        """One attempt; None when the session changed between looking and writing."""
        now = self._clock()
        family = await self._store.get(claims.session_id)
        verdict = sessions.judge(family, claims.token_id, now, self._settings.refresh_grace)
        if verdict is Verdict.ROTATE and family is not None:
            key = await self._keyring.active()
            pair = sessions.next_pair(now, self._settings.lifetimes, key.kid)
            after = sessions.rotated(family, pair, now, self._settings.refresh_grace)
            if not await self._store.rotate(family, after, now):
                return None
            _REFRESHES.labels(verdict.value).inc()
            return await self._signed(after)
        _REFRESHES.labels(verdict.value).inc()
        if verdict is Verdict.REPEAT and family is not None:
            return await self._signed(family)
        if verdict is Verdict.REUSED:
            log.warning("a rotated refresh token came back", session_id=str(claims.session_id))
            ending = Ending(REUSE, now, visitor, f"refresh token {claims.token_id}")
            await self._tell(await self._store.end([claims.session_id], ending), REUSE)
        raise DomainError(ErrorReason.ERROR_REASON_TOKEN_REVOKED, "the session has been ended")

    async def read(self, token: str) -> Claims:
        """Claims of a token of ours, whatever its times; TokenError otherwise."""
        try:
            return tokens.read(token, await self._keyring.public(), self._policy)
        except UnknownKeyError:
            # Perhaps another replica has begun to sign with a new key.
            return tokens.read(token, await self._keyring.look_again(), self._policy)

    async def end(self, session_ids: Sequence[uuid.UUID], reason: str, visitor: Visitor) -> int:
        """End sessions and publish it; how many were open."""
        ended = await self._store.end(session_ids, Ending(reason, self._clock(), visitor))
        return await self._tell(ended, reason)

    async def listed(self, user_id: str) -> list[Listed]:
        """Sessions of a user that are neither ended nor expired, latest use first."""
        return await self._store.listed(uuid.UUID(user_id), self._clock())

    async def revoke(self, user_id: str, session_id: str | None, detail: str) -> int:
        """End one session of a user, or all of them; how many were open.

        DomainError SESSION_NOT_FOUND when the user has no such session.
        """
        owner = uuid.UUID(user_id)
        ending = Ending(REVOKED, self._clock(), detail=detail)
        if session_id is None:
            return await self._tell(await self._store.end_all(owner, ending), REVOKED)
        session = uuid.UUID(session_id)
        if await self._store.owner(session) != owner:
            raise DomainError(
                ErrorReason.ERROR_REASON_SESSION_NOT_FOUND,
                "the user has no such session",
                metadata={"session_id": session_id},
            )
        return await self._tell(await self._store.end([session], ending), REVOKED)

    async def erase(self, user_id: str) -> int:
        """End every session of a user and forget them; how many records were removed."""
        ended = await self._store.erase(uuid.UUID(user_id), Ending(ERASED, self._clock()))
        _ENDED.labels(ERASED).inc(len(ended.entries))
        await self._publish(ended.entries)
        return ended.count

    async def _tell(self, ended: Ended, reason: str) -> int:
        _ENDED.labels(reason).inc(ended.count)
        await self._publish(ended.entries)
        return ended.count

    async def _signed(self, family: Family) -> Issued:
        """The family's latest pair of tokens; the same ones every time."""
        pair = family.current
        key = await self._keyring.named(pair.kid)
        session = tokens.Session(
            session_id=family.session_id,
            user_id=str(family.user_id),
            provider=family.provider,
            issuer=self._policy.issuer,
            audience=self._policy.audience,
        )
        issued, access_end, refresh_end = (
            pair.issued_at,
            pair.access_expires_at,
            pair.refresh_expires_at,
        )
        access = tokens.claims(session, tokens.ACCESS, pair.access_jti, issued, access_end)
        refresh = tokens.claims(session, tokens.REFRESH, pair.refresh_jti, issued, refresh_end)
        access_token, refresh_token = await asyncio.to_thread(
            lambda: (tokens.sign(access, key), tokens.sign(refresh, key))
        )
        return Issued(str(family.session_id), access_token, refresh_token, access_end, refresh_end)

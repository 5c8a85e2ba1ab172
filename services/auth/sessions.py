"""What may happen to a session. Pure.

A session is a family of token pairs: signing in makes the first pair, every refresh the next one.
Only the latest pair's refresh token rotates the session. One that was rotated within the grace
window is answered with the latest pair again, so that the parallel refreshes of an app that doesn't
serialise them all succeed; after the window it can only be a copy, and the whole family ends (RFC
9700, 4.14.2).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

MAX_SUPERSEDED: Final = 64
"""Rotated tokens remembered within the window; a client that rotates faster loses the oldest."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long tokens live."""

    access: timedelta
    refresh: timedelta


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed pair of tokens."""

    session_id: str
    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What a pair of tokens says: enough to sign the very same pair again."""

    access_jti: uuid.UUID
    refresh_jti: uuid.UUID
    kid: str
    """Key that signs both."""
    issued_at: datetime
    """Whole seconds, as are the ends."""
    access_expires_at: datetime
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Superseded:
    """A refresh token that was rotated."""

    jti: uuid.UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A session as it is kept."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    provider: str
    current: Pair
    superseded: tuple[Superseded, ...] = ()
    """Rotated lately, oldest first."""
    tokens_expire_at: datetime
    """When the last token of any pair ends."""
    revoked_at: datetime | None = None


class Verdict(Enum):
    """What a refresh token of ours brings about."""

    ROTATE = "rotate"
    """The latest one: make the next pair."""
    REPEAT = "repeat"
    """Rotated moments ago: give out the latest pair again."""
    REVOKED = "revoked"
    """The session has ended."""
    REUSED = "reused"
    """Rotated long ago: end the session."""


def judge(family: Family | None, jti: uuid.UUID, now: datetime, grace: timedelta) -> Verdict:
    """What the refresh token `jti`, whose signature and time are good, brings about at `now`."""
    if family is None or family.revoked_at is not None:
        return Verdict.REVOKED
    if jti == family.current.refresh_jti:
        return Verdict.ROTATE
    if any(old.jti == jti and now <= old.at + grace for old in family.superseded):
        return Verdict.REPEAT
    return Verdict.REUSED


def next_pair(now: datetime, lifetimes: Lifetimes, kid: str) -> Pair:
    """A new pair from `now` on, with new token ids."""
    issued = now.replace(microsecond=0)
    return Pair(
        access_jti=uuid.uuid4(),
        refresh_jti=uuid.uuid4(),
        kid=kid,
        issued_at=issued,
        access_expires_at=issued + lifetimes.access,
        refresh_expires_at=issued + lifetimes.refresh,
    )


def started(session_id: uuid.UUID, user_id: uuid.UUID, provider: str, first: Pair) -> Family:
    """A new session."""
    return Family(
        session_id=session_id,
        user_id=user_id,
        provider=provider,
        current=first,
        tokens_expire_at=_end(first),
    )


def rotated(family: Family, successor: Pair, now: datetime, grace: timedelta) -> Family:
    """The session after its latest refresh token was rotated into `successor`."""
    recent = [old for old in family.superseded if now <= old.at + grace]
    recent.append(Superseded(family.current.refresh_jti, now))
    return replace(
        family,
        current=successor,
        superseded=tuple(recent[-MAX_SUPERSEDED:]),
        tokens_expire_at=max(family.tokens_expire_at, _end(successor)),
    )


def _end(pair: Pair) -> datetime:
    return max(pair.access_expires_at, pair.refresh_expires_at)

"""Tokens: what they claim and how they are signed. Pure but for the signature."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from services.auth.keys import SigningKey

ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long tokens live."""

    access: timedelta
    refresh: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """What both tokens of a session share."""

    session_id: uuid.UUID
    user_id: str
    provider: str
    issuer: str
    audience: str


def claims(
    session: Session, kind: str, jti: uuid.UUID, now: datetime, life: timedelta
) -> dict[str, Any]:
    """Claims of a token; `kind` is ``access`` or ``refresh``. Times are whole epoch seconds."""
    issued = int(now.timestamp())
    return {
        "sub": session.user_id,
        "jti": str(jti),
        "sid": str(session.session_id),
        "type": kind,
        "provider": session.provider,
        "iss": session.issuer,
        "aud": session.audience,
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(life.total_seconds()),
    }


def sign(payload: dict[str, Any], key: SigningKey) -> str:
    """The compact JWS of a payload."""
    return jwt.encode(payload, key.private_key, algorithm=ALGORITHM, headers={"kid": key.kid})

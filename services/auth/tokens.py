"""Tokens: what they claim, how they are signed, which ones are ours. Pure but for the signature."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.auth.keys import SigningKey
from services.runtime import signed_tokens
from services.runtime.signed_tokens import (
    ALGORITHM,
    ForeignTokenError,
    Keys,
    Required,
    TokenPolicy,
    signed_claims,
)

ACCESS: Final = "access"
REFRESH: Final = "refresh"

CLOCK_SKEW_SECONDS: Final = 5.0
"""How far the clock of the replica that signed may be off; the edge allows the same."""

MAX_CHARACTERS: Final = 4096
"""Ours have about 700; browsers keep no cookie above 4,096 bytes."""

_REQUIRED: Final = Required.of("iss", "aud", "sub", "sid", "jti", "type", "iat", "nbf", "exp")


@dataclass(frozen=True, slots=True)
class Session:
    """What both tokens of a session share."""

    session_id: uuid.UUID
    user_id: str
    provider: str
    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says."""

    kind: str
    """``access`` or ``refresh``."""
    session_id: uuid.UUID
    user_id: uuid.UUID
    token_id: uuid.UUID
    expires_at: datetime


class TokenError(Exception):
    """The token is not one of ours, or not any more; the text holds nothing of it."""

    def __init__(
        self,
        message: str,
        reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_TOKEN_INVALID,
    ) -> None:
        super().__init__(message)
        self.reason = reason


class UnknownKeyError(TokenError):
    """The token names a key that is not known here."""


def claims(
    session: Session, kind: str, jti: uuid.UUID, issued_at: datetime, expires_at: datetime
) -> dict[str, Any]:
    """Claims of a token; `kind` is ``access`` or ``refresh``. Times are whole epoch seconds."""
    issued = int(issued_at.timestamp())
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
        "exp": int(expires_at.timestamp()),
    }


def sign(payload: Mapping[str, Any], key: SigningKey) -> str:
    """The compact JWS of a payload. The same payload and key give the same token (RFC 8017, 8.2:
    RSASSA-PKCS1-v1_5 draws no random numbers).
    """
    return jwt.encode(dict(payload), key.private_key, algorithm=ALGORITHM, headers={"kid": key.kid})


def read(token: str, keys: Keys, policy: TokenPolicy) -> Claims:
    """Claims of a token that we signed, whatever its kind and times.

    TokenError for one of somebody else, UnknownKeyError when its key is not among `keys`.
    """
    if len(token) > MAX_CHARACTERS:
        raise TokenError("the token is not a JWT")
    try:
        payload, _ = signed_claims(token, keys, policy, _REQUIRED)
    except ForeignTokenError as error:
        raise TokenError(f"the token {error}") from None
    except signed_tokens.UnknownKeyError as error:
        raise UnknownKeyError(str(error)) from None
    return _claims(payload)


def _claims(payload: Mapping[str, Any]) -> Claims:
    if payload["type"] not in (ACCESS, REFRESH) or isinstance(payload["aud"], list):
        raise TokenError("a claim of the token has the wrong form")
    try:
        return Claims(
            kind=payload["type"],
            session_id=uuid.UUID(payload["sid"]),
            user_id=uuid.UUID(payload["sub"]),
            token_id=uuid.UUID(payload["jti"]),
            expires_at=datetime.fromtimestamp(payload["exp"], UTC),
        )
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        raise TokenError("a claim of the token has the wrong form") from None


def require_refresh(found: Claims, now: datetime) -> None:
    """TokenError unless this is a refresh token within its time."""
    if found.kind != REFRESH:
        raise TokenError("not a refresh token", ErrorReason.ERROR_REASON_TOKEN_TYPE_MISMATCH)
    if (now - found.expires_at).total_seconds() >= CLOCK_SKEW_SECONDS:
        raise TokenError("the refresh token has expired", ErrorReason.ERROR_REASON_TOKEN_EXPIRED)

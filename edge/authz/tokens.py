"""Verifies access tokens: RS256 signatures and claims.

Claims: ``iss``, ``aud``, ``sub`` (UUID of the user), ``sid`` (UUID of the session), ``jti``,
``type``, ``iat``, ``nbf``, ``exp``, ``provider``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.signed_tokens import (
    ForeignTokenError,
    Keys,
    Required,
    TokenPolicy,
    signed_claims,
)

ACCESS_TYPE: Final = "access"

CLOCK_SKEW_SECONDS: Final = 5.0
"""How far the signer's clock may be off."""

MAX_EPOCH: Final = 2**32 - 1
"""Latest time a token may name (year 2106)."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEADER_SAFE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_REQUIRED: Final = Required.of("iss", "aud", "sub", "sid", "jti", "type", "exp")


class Claims(NamedTuple):
    """What a valid access token says."""

    user: bytes
    """The 16 bytes of the user's UUID."""
    session: bytes
    """The 16 bytes of the session's UUID."""
    not_before: int
    """Epoch seconds."""
    expires_at: int
    """Epoch seconds."""
    provider: str
    kid: str

    @property
    def user_id(self) -> str:
        """The user's UUID."""
        return _uuid(self.user)

    @property
    def session_id(self) -> str:
        """The session's UUID."""
        return _uuid(self.session)


def _uuid(raw: bytes) -> str:
    """Text of a UUID; a third of what :class:`uuid.UUID` takes, and every request needs two."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


class TokenError(Exception):
    """The token does not open anything."""

    def __init__(
        self,
        message: str,
        reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_TOKEN_INVALID,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = metadata


def verify(token: str, keys: Keys, policy: TokenPolicy, now: float) -> Claims:
    """Claims of a valid access token; TokenError or UnknownKeyError otherwise."""
    try:
        payload, kid = signed_claims(token, keys, policy, _REQUIRED)
    except ForeignTokenError as error:
        raise TokenError(f"the access token {error}") from None
    claims = _claims(payload, kid)
    check_times(claims, now)
    return claims


def _claims(payload: Mapping[str, Any], kid: str) -> Claims:
    if payload["type"] != ACCESS_TYPE:
        raise TokenError(
            "not an access token",
            ErrorReason.ERROR_REASON_TOKEN_TYPE_MISMATCH,
            (("expected", ACCESS_TYPE),),
        )
    provider = payload.get("provider", "unknown")
    if not all(
        isinstance(text, str) and _HEADER_SAFE.fullmatch(text)
        for text in (payload["jti"], provider)
    ):
        raise TokenError("a claim of the access token has the wrong form")
    return Claims(
        user=_uuid_bytes(payload["sub"]),
        session=_uuid_bytes(payload["sid"]),
        not_before=_epoch(payload.get("nbf", 0), math.ceil),
        expires_at=_epoch(payload["exp"], math.floor),
        provider=provider,
        kid=kid,
    )


def _uuid_bytes(text: object) -> bytes:
    if not isinstance(text, str) or not _UUID.fullmatch(text):
        raise TokenError("the subject or the session of the access token is not a UUID")
    return bytes.fromhex(text.replace("-", ""))


def _epoch(value: object, rounded: Callable[[float], int]) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError("a time in the access token is not a number")
    if not 0 <= value <= MAX_EPOCH:  # also what is not finite
        raise TokenError("a time in the access token is out of range")
    return rounded(value)


def check_times(claims: Claims, now: float) -> None:
    """TokenError before the token's time and after it."""
    if now >= claims.expires_at + CLOCK_SKEW_SECONDS:
        raise TokenError("the access token has expired", ErrorReason.ERROR_REASON_TOKEN_EXPIRED)
    if now < claims.not_before - CLOCK_SKEW_SECONDS:
        raise TokenError("the access token is not valid yet")

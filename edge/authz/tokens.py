"""Verifies access tokens: RS256 signatures and claims.

Claims: ``iss``, ``aud``, ``sub`` (UUID of the user), ``sid`` (UUID of the session), ``jti``,
``type``, ``iat``, ``nbf``, ``exp``, ``provider``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from eco2.errors.v1.error_reason_pb2 import ErrorReason

ALGORITHM: Final = "RS256"
ACCESS_TYPE: Final = "access"

CLOCK_SKEW_SECONDS: Final = 5.0
"""How far the signer's clock may be off."""

MAX_EPOCH: Final = 2**32 - 1
"""Latest time a token may name (year 2106)."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""JWS compact serialisation, RFC 7515 §7.1."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEADER_SAFE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_DECODING: Final[dict[str, Any]] = {
    "require": ["iss", "aud", "sub", "sid", "jti", "type", "exp"],
    # Times are checked here, against the clock that is passed in.
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False),
}


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


class UnknownKeyError(Exception):
    """The token names a key that is not known."""

    def __init__(self, kid: str) -> None:
        super().__init__("the signing key is not known")
        self.kid = kid


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Who must have signed for whom."""

    issuer: str
    audience: str


Keys = Mapping[str, RSAPublicKey]
"""Public keys by key id."""


def verify(token: str, keys: Keys, policy: TokenPolicy, now: float) -> Claims:
    """Claims of a valid access token; TokenError or UnknownKeyError otherwise."""
    if not _COMPACT.fullmatch(token):  # PyJWT would overlook some characters that are not base64url
        raise TokenError("the access token is not a JWT")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise TokenError("the access token is not a JWT") from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str) or "crit" in header:
        raise TokenError("the access token is not signed the way ours are")
    key = keys.get(kid)
    if key is None:
        raise UnknownKeyError(kid)
    try:
        payload = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=policy.audience,
            issuer=policy.issuer,
            options=_DECODING,  # type: ignore[arg-type]  # a TypedDict spelled as a dict
        )
    except jwt.InvalidTokenError as error:
        raise TokenError(f"the access token is not valid: {type(error).__name__}") from None
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

"""Verifies access tokens: RS256 signatures and claims, with a bounded cache of what was verified.

Claims: ``iss``, ``aud``, ``sub`` (UUID of the user), ``sid`` (session), ``jti``, ``type``, ``iat``,
``nbf``, ``exp``, ``provider``. Verifying costs about 90 µs, finding a token in the cache about 2.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from eco2.errors.v1.error_reason_pb2 import ErrorReason

ALGORITHM: Final = "RS256"
ACCESS_TYPE: Final = "access"

CLOCK_SKEW_SECONDS: Final = 5.0
"""How far the signer's clock may be off."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""JWS compact serialisation, RFC 7515 §7.1."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEADER_SAFE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_DECODING: Final[dict[str, Any]] = {
    "require": ["iss", "aud", "sub", "sid", "jti", "type", "exp"],
    # Times are checked here, against the clock that is passed in.
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False),
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    user_id: str
    provider: str
    session_id: str
    token_id: str
    not_before: float
    """Epoch seconds."""
    expires_at: float
    """Epoch seconds."""
    kid: str


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
    texts = (payload["sid"], payload["jti"], provider)
    if not all(isinstance(text, str) and _HEADER_SAFE.fullmatch(text) for text in texts):
        raise TokenError("a claim of the access token has the wrong form")
    if not isinstance(payload["sub"], str) or not _UUID.fullmatch(payload["sub"]):
        raise TokenError("the subject of the access token is not a UUID")
    return Claims(
        user_id=payload["sub"].lower(),
        provider=provider,
        session_id=payload["sid"],
        token_id=payload["jti"],
        not_before=_epoch(payload.get("nbf", 0)),
        expires_at=_epoch(payload["exp"]),
        kid=kid,
    )


def _epoch(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError("a time in the access token is not a number")
    return float(value)


def check_times(claims: Claims, now: float) -> None:
    """TokenError before the token's time and after it."""
    if now >= claims.expires_at + CLOCK_SKEW_SECONDS:
        raise TokenError("the access token has expired", ErrorReason.ERROR_REASON_TOKEN_EXPIRED)
    if now < claims.not_before - CLOCK_SKEW_SECONDS:
        raise TokenError("the access token is not valid yet")


class VerifiedTokens:
    """Verifies tokens and remembers the valid ones, the least recently used forgotten first.

    Keyed by the SHA-256 of the token, so that a dump of the process holds no tokens. Times are
    checked on every hit; replacing the keys forgets what a removed or changed key has signed.
    """

    def __init__(
        self,
        policy: TokenPolicy,
        size: int,
        check: Callable[[str, Keys, TokenPolicy, float], Claims] = verify,
    ) -> None:
        self._policy = policy
        self._size = size
        self._check = check
        self._keys: Keys = {}
        self._claims: OrderedDict[bytes, Claims] = OrderedDict()

    @property
    def keys(self) -> Keys:
        """The keys in use."""
        return self._keys

    def replace_keys(self, keys: Keys) -> None:
        """Use these keys from now on."""
        kept = {kid for kid, key in keys.items() if self._keys.get(kid) == key}
        self._keys = dict(keys)
        for digest, claims in list(self._claims.items()):
            if claims.kid not in kept:
                del self._claims[digest]

    def verify(self, token: str, now: float) -> Claims:
        """Claims of a valid access token; TokenError or UnknownKeyError otherwise."""
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._claims.get(digest)
        if claims is not None:
            self._claims.move_to_end(digest)
            check_times(claims, now)
            return claims
        claims = self._check(token, self._keys, self._policy, now)
        self._claims[digest] = claims
        if len(self._claims) > self._size:
            self._claims.popitem(last=False)
        return claims

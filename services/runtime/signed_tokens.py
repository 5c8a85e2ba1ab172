"""Opens tokens that the auth domain has signed: RS256 in the compact form of RFC 7515.

Whether the claims are those of a token that opens something is for the caller to say; here it is
made sure that we signed them, for us. Times are left to the caller, too, with its own clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHM: Final = "RS256"

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""JWS compact serialisation, RFC 7515 §7.1; PyJWT overlooks some characters that are not
base64url."""

Keys = Mapping[str, RSAPublicKey]
"""Public keys by key id."""


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Who must have signed for whom."""

    issuer: str
    audience: str


class ForeignTokenError(Exception):
    """The token is not one of ours. The text, which holds nothing of it, goes on after its name:
    "is not a JWT".
    """


class UnknownKeyError(Exception):
    """The token names a key that is not known."""

    def __init__(self, kid: str) -> None:
        super().__init__("the signing key is not known")
        self.kid = kid


@dataclass(frozen=True, slots=True)
class Required:
    """Claims a token must have."""

    options: dict[str, Any]

    @classmethod
    def of(cls, *names: str) -> Required:
        """These claims, made into what PyJWT takes once and for all."""
        unchecked = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False)
        return cls({"require": list(names), **unchecked})


def signed_claims(
    token: str, keys: Keys, policy: TokenPolicy, required: Required
) -> tuple[dict[str, Any], str]:
    """Claims of a token we signed, whatever its times, and the id of the key.

    Raises ForeignTokenError, and UnknownKeyError when its key is not among `keys`.
    """
    if not _COMPACT.fullmatch(token):
        raise ForeignTokenError("is not a JWT")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise ForeignTokenError("is not a JWT") from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str) or "crit" in header:
        raise ForeignTokenError("is not signed the way ours are")
    key = keys.get(kid)
    if key is None:
        raise UnknownKeyError(kid)
    try:
        payload: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=policy.audience,
            issuer=policy.issuer,
            options=required.options,  # type: ignore[arg-type]  # a TypedDict spelled as a dict
        )
    except jwt.InvalidTokenError as error:
        raise ForeignTokenError(f"is not valid: {type(error).__name__}") from None
    return payload, kid

"""The id token that comes with an access token. Pure.

It comes straight from the provider's token endpoint over TLS, which vouches for the issuer in place
of the signature (OpenID Connect Core 1.0, 3.1.3.7, item 6).
"""

from __future__ import annotations

import hmac
from typing import Final

import jwt

LEEWAY_SECONDS: Final = 60
"""How far a provider's clock may be off."""


class IdTokenError(Exception):
    """An id token that is not the one of this sign-in."""


def check(token: object, *, issuer: str, client_id: str, nonce: str, subject: str) -> None:
    """Raise IdTokenError unless the token was made by `issuer` for us, now, for this sign-in, and
    speaks of the same user as the profile (OpenID Connect Core 1.0, 3.1.3.7 and 5.3.2).
    """
    if not isinstance(token, str):
        raise IdTokenError("the id token is not a text")
    try:
        claims = jwt.decode(
            token,
            options={
                "verify_signature": False,
                "verify_exp": True,
                "verify_aud": True,
                "verify_iss": True,
                "require": ["iss", "aud", "exp", "sub"],
            },
            audience=client_id,
            # Google's older tokens carry no scheme.
            issuer=[issuer, issuer.removeprefix("https://")],
            leeway=LEEWAY_SECONDS,
        )
    except jwt.PyJWTError as error:
        raise IdTokenError(f"id token: {type(error).__name__}") from None
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise IdTokenError("id token: of another sign-in")
    if claims["sub"] != subject:
        raise IdTokenError("id token: of another user than the profile")

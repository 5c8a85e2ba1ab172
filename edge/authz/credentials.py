"""Finds the access token a request carries.

The cookie ``s_access`` comes first, as the app's requests carry it; ``Authorization: Bearer`` is
for everybody else. A request that names two different tokens in one place is refused: which one a
server would pick is what such a request tries to find out.
"""

from __future__ import annotations

from typing import Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason

COOKIE_NAME: Final = "s_access"

MAX_TOKEN_CHARACTERS: Final = 4096
"""Ours have about 700; browsers keep no cookie above 4,096 bytes."""

_BEARER: Final = "bearer "


class CredentialError(Exception):
    """The request carries something in the place of a token that can't be one."""

    reason: Final = ErrorReason.ERROR_REASON_TOKEN_INVALID
    metadata: tuple[tuple[str, str], ...] = ()


def access_token(cookie: str | None, authorization: str | None) -> str | None:
    """The token, or None when there is none; CredentialError when it is malformed or ambiguous."""
    if cookie is not None and COOKIE_NAME in cookie:
        value = cookie_value(cookie, COOKIE_NAME)
        if value:
            return _checked(value)
    if authorization is not None and authorization[:7].lower() == _BEARER:
        return _checked(authorization[7:].strip(" "))
    return None


def cookie_value(header: str, name: str) -> str | None:
    """Value of a cookie by its exact name, without the optional quotes of RFC 6265 §4.1.1.

    CredentialError when the header holds it twice with different values.
    """
    found: str | None = None
    for pair in header.split(";"):
        key, equals, value = pair.partition("=")
        if not equals or key.strip(" \t") != name:
            continue
        value = value.strip(" \t")
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if found is not None and found != value:
            raise CredentialError(f"the cookie {name} was sent more than once")
        found = value
    return found


def _checked(text: str) -> str:
    # Cheap on purpose: this runs for every request, and a token in the cache has been verified.
    if len(text) > MAX_TOKEN_CHARACTERS or text.count(".") != 2 or not text.isascii():
        raise CredentialError("the access token is not a JWT")
    return text

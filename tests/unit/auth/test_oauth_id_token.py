from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from services.auth import id_token
from services.auth.id_token import IdTokenError

KEY = "a key of the provider's, whatever it is"


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": "https://accounts.google.com",
        "aud": "our-client",
        "sub": "42",
        "nonce": "ours",
        "iat": now,
        "exp": now + 3600,
    }
    return {key: value for key, value in (usual | changes).items() if value is not None}


def _check(token: object) -> None:
    id_token.check(
        token,
        issuer="https://accounts.google.com",
        client_id="our-client",
        nonce="ours",
        subject="42",
    )


@pytest.mark.parametrize("changes", [{}, {"iss": "accounts.google.com"}, {"aud": ["our-client"]}])
def test_the_token_of_this_sign_in_is_accepted(changes: dict[str, Any]) -> None:
    _check(jwt.encode(_claims(**changes), KEY, "HS256"))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 5},
        {"nonce": "öurs"},
        {"sub": "43"},
        {"sub": None},
    ],
)
def test_a_token_of_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IdTokenError):
        _check(jwt.encode(_claims(**changes), KEY, "HS256"))


@pytest.mark.parametrize("token", [None, 5, "", "a.b.c", "..", "x" * 100, ["a"]])
def test_what_is_no_token_is_refused(token: object) -> None:
    with pytest.raises(IdTokenError):
        _check(token)

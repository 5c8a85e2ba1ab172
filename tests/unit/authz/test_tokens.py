"""Only tokens that our issuer signed for us, in their time, for access, open anything."""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.authz.tokens import CLOCK_SKEW_SECONDS, Claims, TokenError, verify
from services.runtime.signed_tokens import TokenPolicy, UnknownKeyError
from tests.signing import AUDIENCE, ISSUER, Signer

NOW = 1_800_000_000.0
POLICY = TokenPolicy(ISSUER, AUDIENCE)
SIGNER = Signer()
KEYS = {SIGNER.kid: SIGNER.key.public_key()}


def reason(token: str, now: float = NOW) -> str:
    """Reason a token is refused for, without prefix."""
    with pytest.raises(TokenError) as refused:
        verify(token, KEYS, POLICY, now)
    return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


def segment(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_claims_of_a_valid_token() -> None:
    claims = SIGNER.claims(NOW, provider="kakao")
    verified = verify(SIGNER.sign(claims), KEYS, POLICY, NOW)
    assert verified == Claims(
        user=uuid.UUID(claims["sub"]).bytes,
        session=uuid.UUID(claims["sid"]).bytes,
        not_before=int(NOW),
        expires_at=int(NOW) + 3600,
        provider="kakao",
        kid=SIGNER.kid,
    )
    assert (verified.user_id, verified.session_id) == (claims["sub"], claims["sid"])


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody.else"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"aud": []},
        {"sub": None},
        {"sub": "42"},
        {"sub": ""},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"sid": None},
        {"sid": "a\r\nx-user-id: b"},
        {"sid": "42"},
        {"sid": 42},
        {"exp": float("inf")},
        {"exp": -1},
        {"exp": 2.0**40},
        {"nbf": float("nan")},
        {"provider": "한글"},
        {"provider": 3},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": "now"},
        {"nbf": NOW + CLOCK_SKEW_SECONDS + 1},
        {"type": None},
    ],
)
def test_unacceptable_claims(changed: dict[str, Any]) -> None:
    assert reason(SIGNER.sign(SIGNER.claims(NOW, **changed))) == "TOKEN_INVALID"


def test_refresh_token_is_no_access_token() -> None:
    token = SIGNER.sign(SIGNER.claims(NOW, type="refresh"))
    assert reason(token) == "TOKEN_TYPE_MISMATCH"


@given(st.floats(-30, 30))
@settings(max_examples=60)
def test_token_lives_from_nbf_to_exp_with_five_seconds_of_skew(offset: float) -> None:
    token = SIGNER.sign(SIGNER.claims(NOW, nbf=NOW, exp=NOW + 100))
    for moment, valid, why in (
        (NOW + offset, offset >= -CLOCK_SKEW_SECONDS, "TOKEN_INVALID"),
        (NOW + 100 + offset, offset < CLOCK_SKEW_SECONDS, "TOKEN_EXPIRED"),
    ):
        if valid:
            assert verify(token, KEYS, POLICY, moment)
        else:
            assert reason(token, moment) == why


def test_none_algorithm_is_refused() -> None:
    token = jwt.encode(SIGNER.claims(NOW), None, algorithm="none", headers={"kid": SIGNER.kid})  # type: ignore[arg-type]
    assert reason(token) == "TOKEN_INVALID"


def test_public_key_as_hmac_secret_is_refused() -> None:
    public = SIGNER.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{segment({'alg': 'HS256', 'kid': SIGNER.kid})}.{segment(SIGNER.claims(NOW))}"
    signature = hmac.digest(public, signed.encode(), "sha256")
    text = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert reason(f"{signed}.{text}") == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
def test_other_rsa_algorithms_are_refused(algorithm: str) -> None:
    assert reason(SIGNER.sign(SIGNER.claims(NOW), algorithm=algorithm)) == "TOKEN_INVALID"


def test_critical_header_is_refused() -> None:
    header = segment({"alg": "RS256", "kid": SIGNER.kid, "crit": ["exp"], "exp": 1})
    _, payload, signature = SIGNER.sign(SIGNER.claims(NOW)).split(".")
    assert reason(f"{header}.{payload}.{signature}") == "TOKEN_INVALID"


def test_token_without_kid_is_refused() -> None:
    token = jwt.encode(SIGNER.claims(NOW), SIGNER.key, algorithm="RS256")
    assert reason(token) == "TOKEN_INVALID"


def test_unknown_kid_asks_for_the_key() -> None:
    with pytest.raises(UnknownKeyError) as unknown:
        verify(Signer("other").sign(SIGNER.claims(NOW)), KEYS, POLICY, NOW)
    assert unknown.value.kid == "other"


def test_foreign_key_under_our_kid_is_refused() -> None:
    assert reason(Signer(SIGNER.kid).sign(SIGNER.claims(NOW))) == "TOKEN_INVALID"


@given(st.integers(0), st.data())
@settings(max_examples=60)
def test_a_changed_token_is_refused(seed: int, data: st.DataObject) -> None:
    token = SIGNER.sign(SIGNER.claims(NOW))
    header, payload, signature = token.split(".")
    at = data.draw(st.integers(0, len(payload) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHabcdefgh0123456789-_"))
    changed = f"{header}.{payload[:at]}{letter}{payload[at + 1 :]}.{signature}"
    if changed != token:
        assert reason(changed) == "TOKEN_INVALID"


@given(st.text("abcAB09-_.", max_size=60))
def test_garbage_is_refused(text: str) -> None:
    assert reason(text) == "TOKEN_INVALID"


@pytest.mark.parametrize("odd", ["\n", " ", "=", "+", "/", "\x00"])
def test_characters_outside_base64url_are_refused(odd: str) -> None:
    assert reason(SIGNER.sign(SIGNER.claims(NOW)) + odd) == "TOKEN_INVALID"

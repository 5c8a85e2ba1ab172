"""Only tokens that our issuer signed for us, in their time, for access, open anything."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.authz.tokens import (
    CLOCK_SKEW_SECONDS,
    Claims,
    TokenError,
    TokenPolicy,
    UnknownKeyError,
    VerifiedTokens,
    verify,
)
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
    assert verify(SIGNER.sign(claims), KEYS, POLICY, NOW) == Claims(
        user_id=claims["sub"],
        provider="kakao",
        session_id=claims["sid"],
        token_id=claims["jti"],
        not_before=NOW,
        expires_at=NOW + 3600,
        kid=SIGNER.kid,
    )


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


class Counting:
    """Counts full verifications."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *arguments: Any) -> Claims:
        self.count += 1
        return verify(*arguments)


def cached(size: int = 10) -> tuple[VerifiedTokens, Counting]:
    counting = Counting()
    tokens = VerifiedTokens(POLICY, size, counting)
    tokens.replace_keys(KEYS)
    return tokens, counting


def test_token_is_verified_once() -> None:
    tokens, counting = cached()
    token = SIGNER.sign(SIGNER.claims(NOW))
    assert tokens.verify(token, NOW) == tokens.verify(token, NOW + 10)
    assert counting.count == 1


def test_cached_token_expires() -> None:
    tokens, _ = cached()
    token = SIGNER.sign(SIGNER.claims(NOW))
    tokens.verify(token, NOW)
    with pytest.raises(TokenError) as refused:
        tokens.verify(token, NOW + 3600 + CLOCK_SKEW_SECONDS)
    assert refused.value.reason == ErrorReason.ERROR_REASON_TOKEN_EXPIRED


def test_cache_forgets_the_least_recently_used() -> None:
    tokens, counting = cached(size=2)
    one, two, three = (SIGNER.sign(SIGNER.claims(NOW)) for _ in range(3))
    for token in (one, two, one, three, one):
        tokens.verify(token, NOW)
    assert counting.count == 3, "the first one stayed"
    tokens.verify(two, NOW)
    assert counting.count == 4, "the second one went"


def test_tokens_of_a_withdrawn_key_are_forgotten() -> None:
    tokens, _ = cached()
    other = Signer("next")
    token = SIGNER.sign(SIGNER.claims(NOW))
    tokens.verify(token, NOW)
    tokens.replace_keys({other.kid: other.key.public_key()})
    with pytest.raises(UnknownKeyError):
        tokens.verify(token, NOW)


def test_tokens_of_a_replaced_key_are_verified_again() -> None:
    tokens, _ = cached()
    token = SIGNER.sign(SIGNER.claims(NOW))
    tokens.verify(token, NOW)
    tokens.replace_keys({SIGNER.kid: Signer(SIGNER.kid).key.public_key()})
    with pytest.raises(TokenError):
        tokens.verify(token, NOW)


def test_tokens_of_a_kept_key_stay_verified() -> None:
    tokens, counting = cached()
    token = SIGNER.sign(SIGNER.claims(NOW))
    tokens.verify(token, NOW)
    tokens.replace_keys({**KEYS, "next": Signer("next").key.public_key()})
    tokens.verify(token, NOW)
    assert counting.count == 1

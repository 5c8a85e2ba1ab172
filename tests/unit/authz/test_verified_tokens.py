"""A token is verified once, and forgotten when it no longer opens anything."""

from __future__ import annotations

from typing import Any

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz import verified_tokens
from edge.authz.tokens import CLOCK_SKEW_SECONDS, Claims, TokenError, verify
from edge.authz.verified_tokens import VerifiedTokens
from services.runtime.signed_tokens import TokenPolicy, UnknownKeyError
from tests.signing import AUDIENCE, ISSUER, Signer

NOW = 1_800_000_000.0
POLICY = TokenPolicy(ISSUER, AUDIENCE)
SIGNER = Signer()
KEYS = {SIGNER.kid: SIGNER.key.public_key()}


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


def test_cached_token_says_what_it_said_at_first() -> None:
    tokens, counting = cached()
    for provider in ("google", "kakao", "naver", "google"):
        token = SIGNER.sign(SIGNER.claims(NOW, provider=provider))
        first = tokens.verify(token, NOW)
        assert first.provider == provider
        assert tokens.verify(token, NOW) == first
    assert counting.count == 4


def test_a_full_cache_forgets_the_oldest() -> None:
    tokens, counting = cached(size=2)
    one, two, three = (SIGNER.sign(SIGNER.claims(NOW)) for _ in range(3))
    for token in (one, two, three, three, two):
        tokens.verify(token, NOW)
    assert (counting.count, len(tokens)) == (3, 2)
    tokens.verify(one, NOW)
    assert counting.count == 4, "the first one went"


def test_no_name_is_mistaken_for_another_when_numbers_run_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verified_tokens, "MAX_NAMES", 4)
    tokens, _ = cached(size=100)
    signed = {name: SIGNER.sign(SIGNER.claims(NOW, provider=name)) for name in "abcdefgh"}
    for _ in range(2):
        for name, token in signed.items():
            assert tokens.verify(token, NOW).provider == name
            assert tokens.verify(token, NOW).provider == name


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

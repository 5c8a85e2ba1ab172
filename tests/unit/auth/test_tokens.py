from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.auth.keyring import Keyring
from services.auth.keys import KeyFileError, SigningKey, generate, parse
from services.auth.settings import AuthSettings
from services.auth.tokens import (
    Session,
    TokenError,
    UnknownKeyError,
    claims,
    read,
    require_refresh,
    sign,
)
from services.runtime.signed_tokens import TokenPolicy

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return generate()


def test_a_signed_token_verifies_with_the_published_key(key: SigningKey) -> None:
    session = Session(uuid.uuid4(), str(uuid.uuid4()), "kakao", "iss", "api")
    payload = claims(session, "access", uuid.uuid4(), NOW, NOW + timedelta(minutes=3))
    public = jwt.PyJWK({"kty": "RSA", "alg": "RS256", "n": key.n, "e": key.e, "kid": key.kid})
    token = sign(payload, key)
    assert jwt.get_unverified_header(token)["kid"] == key.kid
    read = jwt.decode(
        token, public, algorithms=["RS256"], audience="api", options={"verify_exp": False}
    )
    assert read == payload
    assert read["exp"] - read["iat"] == 180
    assert (read["type"], read["provider"]) == ("access", "kakao")


def test_a_key_survives_its_pem(key: SigningKey) -> None:
    assert parse(key.private_pem.encode()).kid == key.kid


def _pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "pem",
    [
        b"not a key",
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505  # too short on purpose
    ],
)
def test_other_keys_are_refused(pem: bytes) -> None:
    with pytest.raises(KeyFileError):
        parse(pem)


def test_production_generates_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_PROFILE", "production")
    with pytest.raises(KeyFileError, match="ECO2_SIGNING_KEY_FILE"):
        Keyring.check(AuthSettings())


POLICY = TokenPolicy("iss", "api")


def payload_of(kind: str = "refresh", **changed: Any) -> dict[str, Any]:
    session = Session(uuid.uuid4(), str(uuid.uuid4()), "kakao", "iss", "api")
    usual = claims(session, kind, uuid.uuid4(), NOW, NOW + timedelta(days=30))
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def test_the_same_claims_and_key_are_the_same_token(key: SigningKey) -> None:
    payload = payload_of()
    assert sign(payload, key) == sign(dict(payload), parse(key.private_pem.encode()))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "api.dev.growbin.app/api/v1/other"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["api"]},
        {"aud": None},
        {"type": "session"},
        {"type": None},
        {"sid": None},
        {"sid": "not-a-uuid"},
        {"sid": 7},
        {"sub": "admin"},
        {"jti": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": 1e300},
        {"nbf": None},
    ],
    ids=str,
)
def test_well_signed_tokens_of_another_make_are_refused(
    key: SigningKey, changed: dict[str, Any]
) -> None:
    keys = {key.kid: key.private_key.public_key()}
    assert read(sign(payload_of(), key), keys, POLICY).kind == "refresh"
    with pytest.raises(TokenError):
        read(sign(payload_of(**changed), key), keys, POLICY)


def test_an_unknown_key_is_told_apart(key: SigningKey) -> None:
    with pytest.raises(UnknownKeyError):
        read(sign(payload_of(), key), {}, POLICY)


@pytest.mark.parametrize(
    "broken",
    [
        lambda token: token + "A" * 5000,
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", " . "),
        lambda token: token + "\n",
        lambda token: f"Bearer {token}",
        lambda token: "",
    ],
)
def test_what_is_no_token_is_refused(key: SigningKey, broken: Callable[[str], str]) -> None:
    keys = {key.kid: key.private_key.public_key()}
    with pytest.raises(TokenError):
        read(broken(sign(payload_of(), key)), keys, POLICY)


@pytest.mark.parametrize(("late", "good"), [(-1, True), (4.9, True), (5, False), (60, False)])
def test_clocks_may_differ_by_five_seconds(key: SigningKey, late: float, good: bool) -> None:
    found = read(sign(payload_of(), key), {key.kid: key.private_key.public_key()}, POLICY)
    now = found.expires_at + timedelta(seconds=late)
    if good:
        require_refresh(found, now)
    else:
        with pytest.raises(TokenError, match="expired"):
            require_refresh(found, now)

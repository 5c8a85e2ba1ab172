from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.auth.keyring import Keyring
from services.auth.keys import KeyFileError, SigningKey, generate, parse
from services.auth.settings import AuthSettings
from services.auth.tokens import Session, claims, sign

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

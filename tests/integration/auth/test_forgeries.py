from __future__ import annotations

import json
import uuid
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eco2.auth.v1 import auth_service_pb2 as pb

from tests.integration.auth.client import Client, refusal

pytestmark = pytest.mark.parts

Replicas = tuple[Client, Client]


async def test_forged_tokens_neither_refresh_nor_log_anybody_out(replicas: Replicas) -> None:
    client, _ = replicas
    _, session = await client.sign_in()
    header, payload, signature = session.refresh_token.split(".")
    jwks = (await client.auth.GetJwks(pb.GetJwksRequest())).keys[0]
    public = jwt.PyJWK({"kty": "RSA", "alg": "RS256", "n": jwks.n, "e": jwks.e}).key
    claims = jwt.decode(session.refresh_token, options={"verify_signature": False})
    forged = forgeries(header, payload, signature, claims, public, jwks.kid)
    for name, token in forged.items():
        assert await refusal(client.refresh(token)) == ("TOKEN_INVALID", "401"), name
        await client.logout((("cookie", f"s_refresh={token}; s_access={token}"),))
    assert (await client.refresh(session.refresh_token)).status == "201"


def forgeries(
    header: str, payload: str, signature: str, claims: dict[str, Any], public: Any, kid: str
) -> dict[str, str]:
    def encoded(document: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    symmetric = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{payload}"
    mac = urlsafe_b64encode(digest(pem, symmetric.encode(), sha256)).rstrip(b"=").decode()
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "alg none": f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': kid})}.{payload}.e30",
        "alg none, no signature": f"{encoded({'alg': 'none', 'kid': kid})}.{payload}.",
        "HS256 with the public key": f"{symmetric}.{mac}",
        "another key under our kid": jwt.encode(claims, own, "RS256", headers={"kid": kid}),
        "an unknown kid": jwt.encode(claims, own, "RS256", headers={"kid": "mine"}),
        "no kid": jwt.encode(claims, own, "RS256"),
        "another payload": f"{header}.{encoded({**claims, 'jti': str(uuid.uuid4())})}.{signature}",
        "oversized": f"{header}.{payload}.{signature}" + "A" * 30_000,
        "not a JWT": "null",
    }

"""RSA keys of the tests and tokens signed with them, as the auth domain would sign."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from eco2.auth.v1.session_pb2 import Jwk

ISSUER = "api.dev.growbin.app/api/v1/auth"
AUDIENCE = "api"


class Signer:
    """One signing key."""

    def __init__(self, kid: str = "test-1", bits: int = 2048) -> None:
        self.kid = kid
        self.key: RSAPrivateKey = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    @property
    def jwk(self) -> Jwk:
        """The public half, as GetJwks answers it."""
        numbers = self.key.public_key().public_numbers()
        return Jwk(
            kty="RSA",
            use="sig",
            alg="RS256",
            kid=self.kid,
            n=jwt.utils.to_base64url_uint(numbers.n).decode(),
            e=jwt.utils.to_base64url_uint(numbers.e).decode(),
        )

    def claims(self, now: float | None = None, **changed: Any) -> dict[str, Any]:
        """Claims of an ordinary access token; None removes one."""
        issued = int(time.time() if now is None else now)
        usual = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            "jti": str(uuid.uuid4()),
            "type": "access",
            "provider": "google",
            "iat": issued,
            "nbf": issued,
            "exp": issued + 3600,
        }
        return {k: v for k, v in {**usual, **changed}.items() if v is not None}

    def sign(
        self, claims: dict[str, Any], *, algorithm: str = "RS256", **headers: str | None
    ) -> str:
        """A token of exactly these claims."""
        return jwt.encode(
            claims, self.key, algorithm=algorithm, headers={"kid": self.kid, **headers}
        )

    def token(self, **changed: Any) -> str:
        """An access token, with some claims changed."""
        return self.sign(self.claims(**changed))

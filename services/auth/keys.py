"""Signing keys: RSA, named by the thumbprint of their public half (RFC 7638). Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048
"""RS256 wants at least 2048 bits (RFC 7518, 3.3)."""


class KeyFileError(Exception):
    """The key file can't be used; the message says why."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and what is published of it."""

    kid: str
    private_key: rsa.RSAPrivateKey
    n: str
    """Modulus, base64url."""
    e: str
    """Exponent, base64url."""

    @property
    def private_pem(self) -> str:
        """PKCS #8 PEM."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def thumbprint(n: str, e: str) -> str:
    """JWK thumbprint of an RSA public key (RFC 7638, 3.2): SHA-256, base64url."""
    document = json.dumps({"e": e, "kty": "RSA", "n": n}, separators=(",", ":"))
    digest = hashlib.sha256(document.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _of(private_key: rsa.RSAPrivateKey) -> SigningKey:
    numbers = private_key.public_key().public_numbers()
    n, e = _base64url(numbers.n), _base64url(numbers.e)
    return SigningKey(kid=thumbprint(n, e), private_key=private_key, n=n, e=e)


def generate() -> SigningKey:
    """A new key; takes some 100 ms of CPU."""
    return _of(rsa.generate_private_key(public_exponent=65537, key_size=BITS))


def parse(pem: bytes) -> SigningKey:
    """The key of a PEM; KeyFileError when it is no RSA key or too short."""
    try:
        private_key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"not a PEM private key without a passphrase: {error}") from None
    if not isinstance(private_key, rsa.RSAPrivateKey) or private_key.key_size < BITS:
        raise KeyFileError(f"an RSA key of at least {BITS} bits is needed")
    return _of(private_key)


def parse_all(text: bytes) -> list[SigningKey]:
    """The keys of PEMs that follow each other; KeyFileError as above, and when there is none."""
    begin = b"-----BEGIN"
    found = [parse(begin + block) for block in text.split(begin)[1:]]
    if not found:
        raise KeyFileError("no PEM private key in the file")
    return found

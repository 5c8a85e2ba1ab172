"""The certificate of the https listener on this machine."""

from __future__ import annotations

import ipaddress
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=397)
"""The longest that browsers accept (CA/Browser Forum ballot SC31)."""

RENEW_BEFORE = timedelta(days=30)
HOSTS = ("localhost", "*.localhost")
ADDRESSES = ("127.0.0.1", "::1")


def certificate(folder: Path) -> Path:
    """Where the certificate is; the key is beside it."""
    return folder / "cert.pem"


def key(folder: Path) -> Path:
    """Where the private key is."""
    return folder / "key.pem"


def is_usable(folder: Path, now: datetime) -> bool:
    """True while certificate and key are there and the certificate is not about to expire."""
    try:
        found = x509.load_pem_x509_certificate(certificate(folder).read_bytes())
        secret = serialization.load_pem_private_key(key(folder).read_bytes(), password=None)
    except (OSError, ValueError):
        return False
    belongs = secret.public_key() == found.public_key()
    return belongs and found.not_valid_after_utc - now > RENEW_BEFORE


def create(folder: Path, now: datetime) -> None:
    """Make a key and a self-signed certificate for localhost; the key is for the owner's eyes."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "eco2 on localhost")])
    names = [
        *(x509.DNSName(host) for host in HOSTS),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    pem = secret.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key(folder).unlink(missing_ok=True)
    key(folder).touch(mode=0o600)
    key(folder).write_bytes(pem)
    certificate(folder).write_bytes(made.public_bytes(serialization.Encoding.PEM))


def ensure(folder: Path) -> bool:
    """Make a certificate unless a usable one is there; True when one was made."""
    now = datetime.now(UTC)
    if is_usable(folder, now):
        return False
    create(folder, now)
    return True


if __name__ == "__main__":
    ensure(Path(sys.argv[1]))

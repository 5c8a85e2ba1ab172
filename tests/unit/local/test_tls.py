from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesh.local import tls

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_made_certificate_is_usable_until_a_month_before_its_end(tmp_path: Path) -> None:
    tls.create(tmp_path, NOW)
    assert tls.is_usable(tmp_path, NOW)
    assert tls.is_usable(tmp_path, NOW + tls.VALID - tls.RENEW_BEFORE - timedelta(hours=1))
    assert not tls.is_usable(tmp_path, NOW + tls.VALID - tls.RENEW_BEFORE)


def test_a_certificate_without_its_own_key_is_made_again(tmp_path: Path) -> None:
    assert tls.ensure(tmp_path)
    assert not tls.ensure(tmp_path)
    other = tmp_path / "other"
    tls.create(other, datetime.now(UTC))
    tls.key(tmp_path).write_bytes(tls.key(other).read_bytes())
    assert tls.ensure(tmp_path)


def test_half_a_file_is_not_a_certificate(tmp_path: Path) -> None:
    tls.create(tmp_path, NOW)
    whole = tls.certificate(tmp_path).read_bytes()
    tls.certificate(tmp_path).write_bytes(whole[: len(whole) // 2])
    assert not tls.is_usable(tmp_path, NOW)


def test_servers_can_load_it_and_only_the_owner_reads_the_key(tmp_path: Path) -> None:
    tls.create(tmp_path, datetime.now(UTC))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate(tmp_path), tls.key(tmp_path))
    assert tls.key(tmp_path).stat().st_mode & 0o777 == 0o600

"""Real parts for the tests, started once a session, each only when a test asks for it.

They listen on free ports and keep their data in a folder of their own, so a stack of a person that
runs on the documented ports is neither needed nor disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mesh.local.ephemeral import EphemeralParts


@pytest.fixture(scope="session")
def parts() -> Iterator[EphemeralParts]:
    """The session's PostgreSQL, Redis, Kafka and S3Proxy, started when first asked for."""
    with EphemeralParts() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url(parts: EphemeralParts) -> str:
    """URL of an empty database, with the superuser and password in it."""
    return parts.postgres_url("scratch")


@pytest.fixture(scope="session")
def redis_url(parts: EphemeralParts) -> str:
    """URL of an empty Redis."""
    return parts.redis_url


@pytest.fixture(scope="session")
def kafka_bootstrap(parts: EphemeralParts) -> str:
    """``host:port`` of a Kafka broker without topics; naming one does not create it."""
    return parts.kafka_bootstrap


@pytest.fixture(scope="session")
def s3_endpoint(parts: EphemeralParts) -> str:
    """URL of the S3 API with the empty bucket ``eco2-images`` and the local access key."""
    return parts.s3_endpoint

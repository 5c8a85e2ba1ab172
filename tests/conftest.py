"""Real parts for the tests, started once a session, each only when a test asks for it.

They listen on free ports and keep their data in a folder of their own, so a stack of a person that
runs on the documented ports is neither needed nor disturbed. All are stopped by pid at the end of
the session, also after Ctrl-C.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import settings

from mesh.local.ephemeral import EphemeralParts, clean_environ
from mesh.local.ephemeral_stack import EphemeralStack
from mesh.local.parts import python

# The same examples every time, and none judged by the clock of a busy machine. New ones are looked
# for with ECO2_HYPOTHESIS=explore.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("ECO2_HYPOTHESIS", "repeatable"))


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
def migrated_postgres(parts: EphemeralParts) -> str:
    """URL of a database with every migration applied, with the superuser and password in it."""
    url = parts.postgres_url()
    done = subprocess.run(
        python.command(parts.paths, "migrate"),
        env={**clean_environ(os.environ), **parts.environ, **python.variables(parts.paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"eco2 migrate failed:\n{done.stdout}{done.stderr}", pytrace=False)
    return url


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


@pytest.fixture(scope="session")
def stack() -> Iterator[EphemeralStack]:
    """The whole stack behind Envoy, with parts of its own: ``.base_url``, ``.token(user)``."""
    with EphemeralStack() as running:
        yield running

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc.aio
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from mesh.local.ephemeral import EphemeralParts
from services.runtime.ports import HOST
from streaming.kafka.admin import ensure_topics
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.integration.authz.replica import Issuer
from tests.jwks import jwks
from tests.signing import Signer


@pytest_asyncio.fixture(scope="module")
async def issuer(parts: EphemeralParts) -> AsyncIterator[Issuer]:
    """Signs tokens and ends sessions."""
    await ensure_topics(parts.kafka_bootstrap, topics=[AUTH_REVOCATIONS])
    producer = AIOKafkaProducer(
        bootstrap_servers=parts.kafka_bootstrap,
        request_timeout_ms=2_000,
        metadata_max_age_ms=1_000,
        retry_backoff_ms=50,
    )
    await producer.start()
    try:
        yield Issuer(Signer(), producer)
    finally:
        await producer.stop()


@pytest_asyncio.fixture(scope="module")
async def environ(parts: EphemeralParts, issuer: Issuer) -> AsyncIterator[dict[str, str]]:
    """What leads a replica to the broker and to the signing key."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((jwks(issuer.signer),))
    number = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    yield {
        "ECO2_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "ECO2_GRPC_AUTH": f"{HOST}:{number}",
    }
    await server.stop(0)

"""What ext-authz holds in memory, and how long it takes to learn it."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from aiokafka import AIOKafkaProducer
from eco2.pipeline.v1.identity_events_pb2 import SessionRevoked

from edge.authz.rules import PING
from mesh.local.ephemeral import EphemeralParts
from streaming.kafka.topics import AUTH_REVOCATIONS
from tests.bench import open_loop
from tests.bench.authz_edge import Running, running
from tests.bench.wrk import Target
from tests.signing import Signer

REVOCATIONS = 100_000
TOKENS = 100_000
BATCH = 20_000
PER_SECOND = 2_500


@dataclass(frozen=True)
class Held:
    """Memory of ext-authz, resident set in MiB, and the time it took to be ready."""

    start_seconds: float
    """From the start of the process, interpreter and imports included, to ready with all
    revocations."""
    catch_up_seconds: float
    """From the first connection to Kafka until all revocations were known."""
    empty_mib: float
    revocations_mib: float
    """With all revocations."""
    full_mib: float
    """With all revocations and tokens."""
    tokens: float
    revocations: float

    def __str__(self) -> str:
        return (
            f"\nmemory: {self.empty_mib:.0f} MiB at the start, {self.revocations_mib:.0f} with"
            f" {self.revocations:,.0f} revocations, {self.full_mib:.0f} with {self.tokens:,.0f}"
            f" tokens beside them\nrevocations read after {self.catch_up_seconds:.2f} s, ready"
            f" {self.start_seconds:.2f} s after the start of the process"
        )


async def measure(folder: Path, signer: Signer, parts: EphemeralParts) -> Held:
    """Start without revocations, then with all of them, and show every token once."""
    async with running(folder, signer, parts) as empty:
        empty_mib = _mib(empty.authz)
    await _revoke(parts.kafka_bootstrap)
    async with running(folder, signer, parts) as full:
        revocations_mib = _mib(full.authz)
        await _show_tokens(signer, full)
        return Held(
            full.ready_after_seconds,
            await full.metric("ext_authz_blacklist_cache_catch_up_seconds"),
            empty_mib,
            revocations_mib,
            _mib(full.authz),
            await full.metric("ext_authz_token_cache_size"),
            await full.metric("ext_authz_blacklist_cache_size"),
        )


async def _revoke(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    await producer.start()
    now = int(time.time())
    try:
        for at in range(REVOCATIONS):
            event = SessionRevoked(
                session_id=str(uuid.uuid4()), user_id=str(uuid.uuid4()), reason="logout"
            )
            event.revoked_at.seconds = now
            event.expires_at.seconds = now + 86_400 + at
            await producer.send(
                AUTH_REVOCATIONS.name, event.SerializeToString(), key=event.session_id.encode()
            )
    finally:
        await producer.stop()


async def _show_tokens(signer: Signer, measured: Running) -> None:
    """Send each of many tokens once. One key signs about 1,000 a second, so that takes a while."""
    url = urlsplit(measured.base_url)
    left = TOKENS - 1  # one was shown when it was tried whether the edge answers
    while left:
        targets = [Target(PING[1], f"s_access={signer.token()}") for _ in range(min(BATCH, left))]
        left -= len(targets)
        await asyncio.to_thread(
            open_loop.run,
            *(url.hostname or "", url.port or 80, targets),
            *(PER_SECOND, 64, len(targets) / PER_SECOND),
        )


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)

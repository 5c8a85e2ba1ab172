from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from eco2.character.v1 import character_service_pb2 as pb
from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub

from mesh.local.ephemeral import EphemeralParts
from mesh.local.free_ports import PortBlock
from services.character.app import build as build_character
from services.character.catalogue import Character
from services.character.catalogue_file import released
from services.runtime.component import Component
from services.runtime.context import ProcessContext
from streaming.kafka.admin import ensure_topics
from streaming.kafka.topics import CHARACTER_CATALOGUE
from tests.serving import migrated, serving
from tests.wait import until

SOMEBODY = (("x-user-id", str(uuid.uuid4())),)

QUICKLY = {"ECO2_CHARACTER_REPAIR_SECONDS": "0.1", "ECO2_CHARACTER_WAIT_SECONDS": "20"}


@dataclass
class Replica:
    """One replica of the character domain."""

    context: ProcessContext
    component: Component
    stub: Any

    async def ready(self) -> bool:
        """Whether every check passes."""
        try:
            for check in self.component.checks.values():
                await check()
        except ConnectionError:
            return False
        return True

    async def names(self) -> list[str]:
        """Names of the catalogue, in its order."""
        answer = await self.stub.ListCatalog(pb.ListCatalogRequest(), metadata=SOMEBODY)
        return [item.name for item in answer.items]

    async def shows(self, names: Sequence[str]) -> None:
        """Wait until this replica shows a catalogue of these names."""

        async def same() -> bool:
            return await self.names() == list(names)

        await until(same, what=f"catalogue {names}")

    async def sync(
        self, characters: Sequence[Character], *, dry_run: bool = False
    ) -> pb.SyncCatalogResponse:
        """Make the catalogue these characters."""
        answer: pb.SyncCatalogResponse = await self.stub.SyncCatalog(
            pb.SyncCatalogRequest(
                characters=[
                    pb.CatalogCharacter(
                        code=each.code,
                        name=each.name,
                        type=each.type,
                        dialog=each.dialog,
                        match=each.match,
                        aliases=each.aliases,
                    )
                    for each in characters
                ],
                dry_run=dry_run,
            )
        )
        return answer


@asynccontextmanager
async def replica(environ: Mapping[str, str], *, background: bool = True) -> AsyncIterator[Replica]:
    """Start one, ready or not, and stop it."""
    made: list[Component] = []

    async def build(context: ProcessContext) -> Component:
        made.append(await build_character(context))
        return made[0]

    block = PortBlock()
    ports = block.table(("character",))
    async with serving((build,), {**QUICKLY, **environ, **ports}, background=background) as context:
        yield Replica(context, made[0], CharacterServiceStub(context.channel("character")))
    block.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def environ(parts: EphemeralParts) -> dict[str, str]:
    """What leads replicas to their database and to the topic."""
    found = parts.environ | await migrated(parts.postgres_url("characters"))
    found["ECO2_KAFKA_BOOTSTRAP"] = parts.kafka_bootstrap
    await ensure_topics(parts.kafka_bootstrap, topics=[CHARACTER_CATALOGUE])
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def replicas(environ: dict[str, str]) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two that are ready, on a database that one of them has seeded."""
    async with replica(environ) as one, replica(environ) as two:
        for each in (one, two):
            await until(each.ready, within_seconds=20, what="a replica")
        yield one, two


@pytest_asyncio.fixture(loop_scope="session")
async def pair(replicas: tuple[Replica, Replica]) -> tuple[Replica, Replica]:
    """The two, with the release's catalogue."""
    await replicas[0].sync(released().characters)
    for each in replicas:
        await each.shows([character.name for character in released().characters])
    return replicas

"""Puts the character domain together."""

from __future__ import annotations

from functools import partial

from eco2.character.v1.character_service_pb2_grpc import add_CharacterServiceServicer_to_server

from services.character.catalogue import load
from services.character.service import CharacterService
from services.runtime.component import Component, GrpcService
from services.runtime.context import ProcessContext


async def build(context: ProcessContext) -> Component:
    """The component; it needs nothing but its catalogue."""
    return Component(
        name="character",
        services=(
            GrpcService(
                full_name="eco2.character.v1.CharacterService",
                add=partial(add_CharacterServiceServicer_to_server, CharacterService(load())),
            ),
        ),
    )

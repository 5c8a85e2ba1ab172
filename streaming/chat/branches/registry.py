"""Every branch of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from eco2.character.v1.character_service_pb2_grpc import CharacterServiceStub
from eco2.images.v1.images_service_pb2_grpc import ImagesServiceStub
from eco2.location.v1.location_service_pb2_grpc import LocationServiceStub

from services.runtime.context import ProcessContext
from services.runtime.limits import Limit, RateLimiter
from streaming.chat.branch import Branch
from streaming.chat.branches.bulk_waste import BulkWaste
from streaming.chat.branches.character import CharacterBranch
from streaming.chat.branches.collection_point import CollectionPoint
from streaming.chat.branches.districts import Districts
from streaming.chat.branches.drawings import Drawings
from streaming.chat.branches.general import General
from streaming.chat.branches.image_generation import ImageGeneration
from streaming.chat.branches.kakao_place import KakaoPlace
from streaming.chat.branches.location import Location
from streaming.chat.branches.nearby import Nearby
from streaming.chat.branches.recyclable_price import RecyclablePrice
from streaming.chat.branches.waste_rag import WasteRag
from streaming.chat.branches.weather import WeatherBranch
from streaming.chat.branches.web_search import WebSearch
from streaming.chat.external import portal
from streaming.chat.external.household_waste import HouseholdWaste
from streaming.chat.external.keco import Keco
from streaming.chat.external.kma import Kma
from streaming.chat.external.policies import SERVICES
from streaming.chat.external.settings import ToolSettings
from streaming.chat.settings import ChatWorkerSettings
from streaming.knowledge import Knowledge
from streaming.model.models import Models
from streaming.progress.checkpoint import Checkpoints


async def build_branches(
    context: ProcessContext, knowledge: Knowledge, models: Models
) -> Mapping[str, Branch]:
    """The branches by stage name. A stage without a branch is passed over.

    Which intent runs which branches stands in :mod:`streaming.chat.routing`. What a branch opens
    comes from `context` (channels, HTTP sessions), which closes it.
    """
    settings = context.settings(ToolSettings)
    chat = context.settings(ChatWorkerSettings)
    rules = await asyncio.to_thread(WasteRag, knowledge)
    nearby = Nearby(LocationServiceStub(context.channel("location")))
    household = await portal.connect(context, settings, HouseholdWaste, SERVICES["household-waste"])
    boxes = await portal.connect(context, settings, Keco, SERVICES["keco"])
    weather = await portal.connect(context, settings, Kma, SERVICES["kma"])
    districts = Districts(nearby, household)
    branches: tuple[Branch, ...] = (
        rules,
        await asyncio.to_thread(BulkWaste, districts),
        await asyncio.to_thread(RecyclablePrice),
        CharacterBranch(CharacterServiceStub(context.channel("character"))),
        Location(nearby),
        KakaoPlace(nearby),
        CollectionPoint(nearby, districts, boxes),
        WeatherBranch(weather, nearby),
        General(),
        WebSearch(models.searcher, rules),
        ImageGeneration(
            models.painter,
            ImagesServiceStub(context.channel("images")),
            rules,
            RateLimiter(
                context.redis(), Limit("chat-pictures", chat.chat_pictures_per_day, 86_400.0)
            ),
            Drawings(Checkpoints(context.redis())),
        ),
    )
    return {branch.name: branch for branch in branches}

"""Places around the user, asked of the location domain; shared by the branches that need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from eco2.location.v1 import location_pb2, location_service_pb2

from streaming.chat import regions
from streaming.chat.branch import BranchResult, Citation, NeedsInput
from streaming.chat.regions import District
from streaming.chat.turn import Place, TurnContext
from streaming.chat.untrusted import as_line

if TYPE_CHECKING:
    from eco2.location.v1.location_service_pb2_grpc import LocationServiceAsyncStub

MOST_PLACES: Final = 5
RADIUS_M: Final = 5_000
WIDER_RADIUS_M: Final = 20_000
"""Where nothing lies nearer."""
SAME_DISTRICT_M: Final = 3_000
CALL_SECONDS: Final = 2.5
OURS: Final = Citation("places", "가까운 장소")

ASK: Final = "어디 근처에서 찾을까요? 지금 위치를 알려 주세요."
NO_PLACE: Final = (
    "위치를 알 수 없어 가까운 곳을 찾지 못했어요. "
    "위치를 켜고 다시 물어보거나 지도에서 찾아봐 주세요."
)
NOTHING: Final = "가까운 곳에서는 찾지 못했어요. 지도에서 조금 더 넓게 찾아봐 주세요."
AWAY: Final = "지금은 장소를 찾을 수 없어요. 잠시 후 다시 물어봐 주세요."


class Nearby:
    """Asks LocationService.SearchNearby."""

    def __init__(self, location: LocationServiceAsyncStub) -> None:
        self._location = location

    async def find(
        self,
        context: TurnContext,
        *,
        heading: str,
        stores: Sequence[str] = (),
        pickups: Sequence[str] = (),
    ) -> BranchResult:
        """The nearest places of these categories; asks for the user's location when unknown."""
        if context.place is None:
            if context.may_ask:
                return BranchResult(needs_input=NeedsInput("location", ASK))
            return BranchResult(answer=NO_PLACE, quality=0.0)
        for radius in (RADIUS_M, WIDER_RADIUS_M):
            answer = await self._location.SearchNearby(
                location_service_pb2.SearchNearbyRequest(
                    latitude=context.place.latitude,
                    longitude=context.place.longitude,
                    radius_m=radius,
                    limit=MOST_PLACES,
                    store_categories=stores,
                    pickup_categories=pickups,
                ),
                timeout=CALL_SECONDS,
            )
            if answer.places:
                return found(heading, answer.places)
        return BranchResult(context=NOTHING, answer=NOTHING, quality=0.0)

    async def district(self, place: Place) -> District | None:
        """The district a point lies in, as the addresses of the places around it tell; near a
        border it may be the neighbour's. None where there are none.
        """
        answer = await self._location.SearchNearby(
            location_service_pb2.SearchNearbyRequest(
                latitude=place.latitude,
                longitude=place.longitude,
                radius_m=SAME_DISTRICT_M,
                limit=MOST_PLACES,
            ),
            timeout=CALL_SECONDS,
        )
        known = regions.load()
        named = (known.district_of(each.road_address) for each in answer.places)
        return next((each for each in named if each is not None), None)


def found(heading: str, places: Sequence[location_pb2.LocationEntry]) -> BranchResult:
    """Places as an answer. Pure."""
    text = "\n".join((heading, *(f"- {line(place)}" for place in places)))
    return BranchResult(
        context=text,
        answer=text,
        citations=(OURS,),
        metadata={"place_ids": [place.id for place in places]},
        quality=1.0,
    )


def line(place: location_pb2.LocationEntry) -> str:
    """A place in a list, in Markdown; texts of others lose theirs. Pure."""
    told = [f"**{as_line(place.name, 80)}** ({place.distance_text})"]
    if place.road_address:
        told.append(as_line(place.road_address))
    if place.HasField("is_holiday") and place.is_holiday:
        told.append("오늘 휴무")
    elif place.start_time:
        hours = f"{place.start_time}~{place.end_time}" if place.end_time else place.start_time
        told.append(as_line(hours, 40))
    if place.phone:
        told.append(as_line(place.phone, 30))
    return " · ".join(told)

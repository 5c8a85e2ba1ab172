"""Places around the user, asked of the location domain; shared by the branches that need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from eco2.location.v1 import location_pb2, location_service_pb2

from services.runtime.identity import USER_ID
from streaming.chat import regions
from streaming.chat.branch import BranchResult, Citation, NeedsInput
from streaming.chat.regions import District
from streaming.chat.spots import Spot, spot_in
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
    """Asks LocationService."""

    def __init__(self, location: LocationServiceAsyncStub) -> None:
        self._location = location

    async def find(
        self,
        context: TurnContext,
        *,
        what: str,
        spot: Spot | None = None,
        stores: Sequence[str] = (),
        pickups: Sequence[str] = (),
    ) -> BranchResult:
        """The nearest places of these categories; asks for the user's location when unknown.

        `what` is a word for them, `spot` the place that was named instead of the user's.
        """
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
                return found(what, spot, answer.places)
        return BranchResult(context=NOTHING, answer=NOTHING, quality=0.0)

    async def placed(self, context: TurnContext) -> tuple[TurnContext, Spot | None]:
        """The question as it is asked for the place that it names, and that place; the question
        as it is and None when it names none, or nobody knows where that is.
        """
        spot = spot_in(context.message)
        if spot is None:
            return context, None
        answer = await self._location.Suggest(
            location_service_pb2.SuggestRequest(q=spot.name),
            metadata=((USER_ID, context.user_id),),
            timeout=CALL_SECONDS,
        )
        for each in answer.items:
            if spot.is_at(each.place_name, each.address):
                there = Place(each.latitude, each.longitude)
                return replace(context, place=there, message=spot.rest), spot
        return context, None

    async def named(self, words: str, place: Place) -> Sequence[location_pb2.LocationEntry]:
        """The nearest places that fit words: the map service's, else ours."""
        answer = await self._location.SearchAround(
            location_service_pb2.SearchAroundRequest(
                q=words,
                latitude=place.latitude,
                longitude=place.longitude,
                radius_m=RADIUS_M,
                limit=MOST_PLACES,
            ),
            timeout=CALL_SECONDS,
        )
        return answer.places

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


def found(
    what: str, spot: Spot | None, places: Sequence[location_pb2.LocationEntry]
) -> BranchResult:
    """Places as an answer. Pure."""
    text = listed(f"가까운 {what} 찾았어요.", spot, places)
    return BranchResult(
        context=text,
        answer=text,
        citations=(OURS,),
        metadata={"place_ids": [place.id for place in places]},
        quality=1.0,
    )


def listed(heading: str, spot: Spot | None, places: Sequence[location_pb2.LocationEntry]) -> str:
    """Places below a heading, in Markdown. Of a whole district no distances are told: they would
    be those from its town hall. Pure.
    """
    if spot is not None:
        heading = f"{as_line(spot.name, 30)}에서 {heading}"
    far = spot is None or spot.district is None
    return "\n".join((heading, *(f"- {_line(place, far=far)}" for place in places)))


def _line(place: location_pb2.LocationEntry, *, far: bool) -> str:
    name = f"**{as_line(place.name, 80)}**"
    told = [f"{name} ({place.distance_text})" if far and place.distance_text else name]
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

"""LocationService."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.location.v1 import location_service_pb2 as pb
from eco2.location.v1 import location_service_pb2_grpc as grpc_pb

from services.location import categories, entries, opening, zoom
from services.location.geo import Point
from services.location.imports import ImportStore, IncompleteError
from services.location.search import Searcher
from services.location.store import PlaceStore
from services.runtime.errors import DomainError

DEFAULT_NEARBY = 10
"""Places of SearchNearby and SearchAround when no limit is given."""


class LocationService(grpc_pb.LocationServiceServicer):
    """Places around a point or by words, and imports of them."""

    def __init__(self, store: PlaceStore, searcher: Searcher, imports: ImportStore) -> None:
        self._store = store
        self._searcher = searcher
        self._imports = imports

    async def ListCenters(
        self, request: pb.ListCentersRequest, context: Any
    ) -> pb.ListCentersResponse:
        """Places around a point, nearest first."""
        reach = zoom.reach(
            request.radius if request.HasField("radius") else None,
            request.zoom if request.HasField("zoom") else None,
        )
        rows = await self._store.nearest(
            Point(request.lat, request.lon),
            radius_m=reach.radius_m,
            limit=reach.limit,
            stores=_chosen(
                request.store_category,
                categories.STORES,
                ErrorReason.ERROR_REASON_INVALID_STORE_CATEGORY,
            ),
            pickups=_chosen(
                request.pickup_category,
                categories.PICKUPS,
                ErrorReason.ERROR_REASON_INVALID_PICKUP_CATEGORY,
            ),
        )
        response = pb.ListCentersResponse()
        entries.add_nearest(response.items, rows, opening.now())
        return response

    async def GetCenter(self, request: pb.GetCenterRequest, context: Any) -> pb.GetCenterResponse:
        """One place of ours."""
        row = await self._store.detail(request.id)
        if row is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_LOCATION_NOT_FOUND,
                "no such place",
                metadata={"location_id": str(request.id)},
            )
        response = pb.GetCenterResponse(**dict(row))
        shown = await self._searcher.at_map_service(row["name"], entries.point_of(row))
        if shown is not None:
            response.kakao_place_id = shown.id
            if shown.url:
                response.place_url = shown.url
            if shown.phone and not response.phone:
                response.phone = shown.phone
        return response

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:
        """Places by words."""
        given = request.radius if request.HasField("radius") else zoom.DEFAULT_RADIUS_M
        radius_m = zoom.clamped_radius(given, zoom.MOST_SEARCH_RADIUS_M)
        return pb.SearchResponse(items=await self._searcher.search(request.q, radius_m))

    async def Suggest(self, request: pb.SuggestRequest, context: Any) -> pb.SuggestResponse:
        """Completions of words."""
        return pb.SuggestResponse(items=await self._searcher.suggest(request.q))

    async def SearchNearby(
        self, request: pb.SearchNearbyRequest, context: Any
    ) -> pb.SearchNearbyResponse:
        """Places around a point for other services."""
        given = request.radius_m if request.HasField("radius_m") else zoom.DEFAULT_RADIUS_M
        rows = await self._store.nearest(
            Point(request.latitude, request.longitude),
            radius_m=zoom.clamped_radius(given),
            limit=request.limit if request.HasField("limit") else DEFAULT_NEARBY,
            stores=categories.known(request.store_categories, categories.STORES),
            pickups=categories.known(request.pickup_categories, categories.PICKUPS),
        )
        response = pb.SearchNearbyResponse()
        entries.add_nearest(response.places, rows, opening.now())
        return response

    async def SearchAround(
        self, request: pb.SearchAroundRequest, context: Any
    ) -> pb.SearchAroundResponse:
        """Places around a point by words for other services."""
        given = request.radius_m if request.HasField("radius_m") else zoom.DEFAULT_RADIUS_M
        found = await self._searcher.around(
            request.q,
            Point(request.latitude, request.longitude),
            radius_m=zoom.clamped_radius(given, zoom.MOST_SEARCH_RADIUS_M),
            limit=request.limit if request.HasField("limit") else DEFAULT_NEARBY,
        )
        return pb.SearchAroundResponse(places=found)

    async def StagePlaces(
        self, request: pb.StagePlacesRequest, context: Any
    ) -> pb.StagePlacesResponse:
        """Put a batch of an import aside."""
        repeated = await self._imports.stage(
            uuid.UUID(request.import_id), request.source, request.places
        )
        response = pb.StagePlacesResponse()
        for line, first_line in repeated:
            response.repeated_keys.add(line=line, first_line=first_line)
        return response

    async def CommitImport(
        self, request: pb.CommitImportRequest, context: Any
    ) -> pb.CommitImportResponse:
        """Take over what an import has staged."""
        try:
            outcome = await self._imports.commit(
                uuid.UUID(request.import_id),
                request.expected_places,
                remove_missing=request.remove_missing,
            )
        except IncompleteError as error:
            raise DomainError(
                ErrorReason.ERROR_REASON_IMPORT_INCOMPLETE,
                f"{error}, expected were {request.expected_places}",
                metadata={"expected": str(request.expected_places), "staged": str(error.staged)},
            ) from None
        return pb.CommitImportResponse(
            inserted=outcome.inserted,
            updated=outcome.updated,
            unchanged=outcome.unchanged,
            removed=outcome.removed,
        )

    async def DiscardImport(
        self, request: pb.DiscardImportRequest, context: Any
    ) -> pb.DiscardImportResponse:
        """Forget what an import has staged."""
        return pb.DiscardImportResponse(
            discarded=await self._imports.discard(uuid.UUID(request.import_id))
        )


def _chosen(text: str, allowed: Sequence[str], reason: ErrorReason.ValueType) -> tuple[str, ...]:
    """The categories of a comma list; DomainError with those allowed for an unknown one."""
    try:
        return categories.chosen(text, allowed)
    except categories.UnknownCategoryError as error:
        raise DomainError(
            reason,
            f"unknown category {str(error)!r}; allowed are all, {', '.join(allowed)}",
            metadata={"allowed": ",".join((categories.ALL, *allowed))},
        ) from None

"""Imports: all or nothing, and harmless when repeated."""

from __future__ import annotations

import csv
import uuid
from pathlib import Path

import asyncpg
import grpc
import pytest
from eco2.location.v1 import imported_place_pb2 as place_pb
from eco2.location.v1 import location_service_pb2 as pb

from mesh.local import sample_places
from mesh.local.ephemeral import EphemeralParts
from services.cli.place_import import PlaceImport, Report
from services.location.place import KECO
from services.location.sources.csv_records import UTF8
from services.runtime.remote import domain_error
from tests.integration.location.conftest import Service

COUNT = 30
SEA = (33.2, 125.2)
"""Nothing else is there."""


def _file(path: Path, *, rows: int = COUNT, **first: str) -> Path:
    """Sample rows under keys of their own; cells of the first one may be given."""
    header, *lines = sample_places.rows(KECO, rows, seed=7)
    table = [list(line) for line in lines]
    for number, line in enumerate(table):
        line[0] = str(5_000_000 + number)
    for column, cell in first.items():
        table[0][header.index(column)] = cell
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *table])
    return path


def _import(path: Path, report: Report) -> PlaceImport:
    return PlaceImport(
        path=path,
        source=KECO,
        encoding=UTF8,
        report=report,
        most_rejects=100,
        most_places=1_000,
    )


async def test_an_import_is_repeatable_and_changes_what_changed(
    location: Service, tmp_path: Path
) -> None:
    with Report(tmp_path / "report.csv") as report:
        first = await _import(_file(tmp_path / "a.csv"), report).run(location.target)
        again = await _import(tmp_path / "a.csv", report).run(location.target)
        renamed = _file(tmp_path / "b.csv", positnNm="새 이름")
        changed = await _import(renamed, report).run(location.target)
    assert (first.inserted, first.updated) == (COUNT, 0)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, COUNT)
    assert (changed.inserted, changed.updated, changed.unchanged) == (0, 1, COUNT - 1)


async def _names(location: Service, *pickups: str) -> set[str]:
    """Names of the places around some spot in the sea."""
    answer = await location.stub.SearchNearby(
        pb.SearchNearbyRequest(
            latitude=SEA[0], longitude=SEA[1], radius_m=5_000, limit=200, pickup_categories=pickups
        )
    )
    return {place.name for place in answer.places}


async def test_a_changed_place_is_found_by_what_it_is_now_and_a_removed_one_no_more(
    location: Service, tmp_path: Path
) -> None:
    spot = {"positnPstnLat": str(SEA[0]), "positnPstnLot": str(SEA[1]), "positnNm": "바다 가게"}
    table = [list(line) for line in sample_places.rows(KECO, 240)]  # what the local run has
    with Report(tmp_path / "report.csv") as report:
        for items, takes, no_more in (("캔", "can", "glass"), ("유리병", "glass", "can")):
            path = _file(tmp_path / "a.csv", rows=1, clctItemCn=items, **spot)
            await _import(path, report).run(location.target)
            assert await _names(location, takes) == await _names(location) == {"바다 가게"}
            assert await _names(location, takes, "paper") == {"바다 가게"}
            assert await _names(location, no_more) == set()
        with (tmp_path / "samples.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(table)
        replacing = _import(tmp_path / "samples.csv", report)
        replacing.remove_missing = True
        counts = await replacing.run(location.target)
    assert counts.removed >= 1
    assert await _names(location) == await _names(location, "glass") == set()


async def test_a_place_that_moved_is_filed_where_it_is_now_alone(
    parts: EphemeralParts, location: Service, tmp_path: Path
) -> None:
    shop = {"positnNm": "옮긴 가게", "clctItemCn": "캔\n유리병"}
    with Report(tmp_path / "report.csv") as report:
        for longitude in ("124.9", "124.90001", "125.3"):  # a metre aside, and far away
            path = _file(
                tmp_path / "a.csv", rows=1, positnPstnLat="33.4", positnPstnLot=longitude, **shop
            )
            counts = await _import(path, report).run(location.target)
            answer = await location.stub.SearchNearby(
                pb.SearchNearbyRequest(
                    latitude=33.4,
                    longitude=float(longitude),
                    radius_m=100,
                    pickup_categories=["can", "glass"],
                )
            )
            assert [place.name for place in answer.places] == ["옮긴 가게"]
            assert answer.places[0].distance_km == 0
    assert counts.updated == 1
    connection = await asyncpg.connect(parts.postgres_url())
    try:
        filed = await connection.fetchval("SELECT count(*) FROM location.filed_places")
        keys = await connection.fetchval("SELECT sum(cardinality(keys)) FROM location.places")
    finally:
        await connection.close()
    assert filed == keys


def _places(*lines: tuple[int, str]) -> list[place_pb.ImportedPlace]:
    """Places on so many lines under such keys."""
    return [
        place_pb.ImportedPlace(
            source_pk=key,
            line=line,
            name="어디",
            latitude=37.5,
            longitude=127.0,
            store_category="general",
            pickup_categories=["general"],
        )
        for line, key in lines
    ]


async def test_a_batch_may_be_sent_again_and_of_one_key_the_first_place_counts(
    location: Service,
) -> None:
    import_id = str(uuid.uuid4())
    told = []
    for batch in (
        _places((2, "k1"), (3, "k2")),
        _places((2, "k1"), (3, "k2")),
        _places((4, "k3"), (5, "k1"), (6, "k4"), (7, "k4")),
    ):
        answer = await location.stub.StagePlaces(
            pb.StagePlacesRequest(import_id=import_id, source=KECO, places=batch)
        )
        told.append([(each.line, each.first_line) for each in answer.repeated_keys])
    assert told == [[], [], [(5, 2), (7, 6)]]
    discarded = await location.stub.DiscardImport(pb.DiscardImportRequest(import_id=import_id))
    assert discarded.discarded == 4


async def test_repeated_keys_are_reported_with_the_line_that_counts(
    location: Service, tmp_path: Path
) -> None:
    path = _file(tmp_path / "a.csv")
    lines = path.read_text(encoding="utf-8")
    header, rest = lines.split("\n", 1)
    path.write_text(f"{header}\n{rest}{rest}", encoding="utf-8")
    with Report(tmp_path / "report.csv") as report:
        counts = await _import(path, report).run(location.target)
    assert (counts.rows, counts.rejected) == (2 * COUNT, COUNT)
    rows = list(csv.DictReader((tmp_path / "report.csv").open(encoding="utf-8")))
    assert len(rows) == COUNT
    assert all("stands in line" in row["reason"] for row in rows)


async def test_a_commit_of_fewer_places_than_were_sent_is_refused(location: Service) -> None:
    import_id = str(uuid.uuid4())
    await location.stub.StagePlaces(
        pb.StagePlacesRequest(import_id=import_id, source=KECO, places=_places((2, "x1")))
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await location.stub.CommitImport(
            pb.CommitImportRequest(import_id=import_id, expected_places=2)
        )
    error = domain_error(caught.value, "location")
    assert error is not None
    assert error.meaning.name == "IMPORT_INCOMPLETE"
    assert error.metadata["staged"] == "1"
    discarded = await location.stub.DiscardImport(pb.DiscardImportRequest(import_id=import_id))
    assert discarded.discarded == 1

"""Files of places: layouts, dirty rows, and what is no such file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mesh.local import sample_places
from services.location.place import KECO, ZEROWASTE
from services.location.sources.csv_records import (
    CP949,
    LINE_MOST,
    UTF8,
    NotThisLayoutError,
    encoding_of,
)
from services.location.sources.layouts import Row, rows


def _file(path: Path, source: str, count: int = 5, encoding: str = UTF8, **changes: str) -> Path:
    """Sample rows; `changes` are cells of the first one."""
    header, *lines = sample_places.rows(source, count)
    first = list(lines[0])
    for column, value in changes.items():
        first[header.index(column)] = value
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([header, first, *lines[1:]])
    return path


def _read(path: Path, source: str) -> list[Row]:
    return list(rows(path, source, encoding_of(path)))


@pytest.mark.parametrize("source", [KECO, ZEROWASTE])
def test_rows_of_both_layouts_become_places(tmp_path: Path, source: str) -> None:
    found = _read(_file(tmp_path / "a.csv", source, 50), source)
    assert len(found) == 50
    assert all(row.place is not None and row.place.point.in_korea for row in found)


def test_cells_of_several_lines_are_one_cell(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv", KECO, clctItemCn="투명페트병\n캔\n폐건전지")
    first, second, *_ = _read(path, KECO)
    assert first.place is not None
    assert first.place.pickup_categories == ("clear_pet", "can", "electronics")
    assert second.line > first.line + 1


def test_dirty_coordinates_are_repaired_with_a_remark_or_rejected(tmp_path: Path) -> None:
    repaired = _read(_file(tmp_path / "a.csv", KECO, positnPstnLat="37.5012?"), KECO)[0]
    assert repaired.place is not None
    assert repaired.remark
    rejected = _read(_file(tmp_path / "b.csv", KECO, positnPstnLot="127.7.23106"), KECO)[0]
    assert rejected.place is None
    assert rejected.remark
    assert rejected.line == 2


def test_cp949_is_recognised(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv", KECO, encoding=CP949)
    assert encoding_of(path) == CP949
    assert all(row.place for row in rows(path, KECO, CP949))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("positnSn,positnNm\n1,어디\n", encoding="utf-8")
    with pytest.raises(NotThisLayoutError, match="positnPstnLat"):
        _read(path, KECO)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfea\0", b"\0" * 5000, b"\x80\x81\xff\xfe\xfd" * 1000], ids=range(4)
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(NotThisLayoutError):
        _read(path, KECO)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv", KECO)
    with path.open("ab") as file:
        file.write(b"a" * (LINE_MOST + 10))
    with pytest.raises(NotThisLayoutError, match="longer than"):
        _read(path, KECO)


def test_a_quote_that_is_never_closed_costs_its_row(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv", KECO)
    with path.open("a", encoding="utf-8") as file:
        file.write('"never closed\n' + "more text\n" * 20_000)
    found = _read(path, KECO)
    assert [row.place is not None for row in found[:5]] == [True] * 5
    assert any(row.place is None and "quote" in row.remark for row in found[5:])

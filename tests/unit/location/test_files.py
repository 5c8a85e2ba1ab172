"""Files of places: layouts, dirty rows, and what is no such file."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.local import sample_places
from services.location.place import KECO, ZEROWASTE
from services.location.sources.cells import NAME_MOST, TEXT_MOST
from services.location.sources.csv_records import (
    CELL_MOST,
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


def test_a_cell_that_is_too_long_costs_its_row_and_no_other(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv", KECO, etcMttrCn="길" * (CELL_MOST + 1))
    first, *others = _read(path, KECO)
    assert first.place is None
    assert "field larger than field limit" in first.remark
    assert len(others) == 4
    assert all(row.place is not None for row in others)


def test_texts_are_shortened_to_what_a_place_may_hold(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.csv", KECO, positnNm="이" * 500, clctItemCn="캔 " * 9_000)
    place = _read(path, KECO)[0].place
    assert place is not None
    assert len(place.name) == NAME_MOST
    assert place.name.endswith("…")
    assert len(place.collection_items or "") <= TEXT_MOST
    assert place.pickup_categories == ("can",)


_READER = """
import resource, sys
from pathlib import Path
from services.location.sources.layouts import rows
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before, count = peak(), 0
for row in rows(Path("/dev/stdin"), "keco", "utf-8"):
    count += row.place is None
print(count, peak() - before)
"""


@pytest.mark.parametrize(
    "nonsense",
    [
        b'"open' + (b"\xff" + b"more text " * 40 + b"\n") * 2_000,
        bytes(range(11, 256)) * 4_000 + b"\n",
    ],
    ids=["open quotes", "binary"],
)
def test_a_flood_of_nonsense_takes_no_memory(tmp_path: Path, nonsense: bytes) -> None:
    """48 MiB come through a pipe; what is held of them is a line and a cell."""
    header = _file(tmp_path / "a.csv", KECO, 1).read_bytes().partition(b"\n")[0] + b"\n"
    child = subprocess.Popen(
        [sys.executable, "-c", _READER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdin is not None
    child.stdin.write(header)
    for _ in range((48 << 20) // len(nonsense)):
        child.stdin.write(nonsense)
    told, _ = child.communicate()
    rejected, grown_mib = map(int, told.split())
    assert child.returncode == 0
    assert rejected > 40
    assert grown_mib < 32

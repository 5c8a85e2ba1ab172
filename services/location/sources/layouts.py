"""The layouts by the name of their source, and reading a file of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from services.location.place import KECO, ZEROWASTE, Place
from services.location.sources import keco, zerowaste
from services.location.sources.cells import Cells, RowRejectedError
from services.location.sources.csv_records import NotThisLayoutError, records


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a CSV file and how a row becomes a place."""

    required: Sequence[str]
    key: str
    place_of: Callable[[Cells], tuple[Place, str]]


LAYOUTS: Final[Mapping[str, Layout]] = {
    KECO: Layout(keco.REQUIRED, keco.KEY, keco.place_of),
    ZEROWASTE: Layout(zerowaste.REQUIRED, zerowaste.KEY, zerowaste.place_of),
}


class Row(NamedTuple):
    """What became of a record: a place, with a remark when something was put right, or none, with
    the reason.
    """

    line: int
    key: str
    """The key as written, for the report."""
    place: Place | None
    remark: str = ""


def rows(
    path: Path,
    source: str,
    encoding: str,
    progress: Callable[[int], None] = lambda read: None,
) -> Iterator[Row]:
    """The rows of a file of a source; NotThisLayoutError when it is not of its layout."""
    layout = LAYOUTS[source]
    try:
        for record in records(path, encoding, layout.required, progress):
            if not record.cells:
                yield Row(record.line, "", None, record.problem)
                continue
            cells = Cells(record.cells, record.columns)
            key = cells.raw(layout.key).strip()[:40]
            try:
                place, remark = layout.place_of(cells)
            except RowRejectedError as error:
                yield Row(record.line, key, None, str(error))
            else:
                yield Row(record.line, key, place, remark)
    except NotThisLayoutError as error:
        raise NotThisLayoutError(f"{path.name} is no {source} file: {error}") from None

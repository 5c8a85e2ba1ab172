"""Records of a CSV file, read in bounded memory whatever the file is.

A line or a cell that is far too long, a quote that is never closed, bytes of another encoding: the
reader never holds more than :data:`LINE_MOST` bytes and :data:`CELL_MOST` characters a cell of it.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

LINE_MOST: Final = 1 << 20
"""Longest line in bytes; the longest of the known files have 20 kB."""
CELL_MOST: Final = 1 << 16
"""Longest cell in characters."""
SAMPLE: Final = 1 << 20
"""Bytes at the start that the encoding is told from."""
PROGRESS_LINES: Final = 256
"""Lines from one telling how far it is to the next."""

UTF8, CP949 = "utf-8", "cp949"


class NotThisLayoutError(ValueError):
    """The file as a whole can't be read; the message says why and what to do."""


class Record(NamedTuple):
    """A record of the file; one without cells could not be read."""

    line: int
    """Line on which it begins."""
    cells: Sequence[str]
    columns: Mapping[str, int]
    """Where each column stands among the cells."""
    problem: str = ""


def encoding_of(path: Path) -> str:
    """``utf-8`` or ``cp949``, told from the start of the file; NotThisLayoutError for others."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    if not sample:
        raise NotThisLayoutError("the file is empty")
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in sample[:1024]:
        raise NotThisLayoutError("the file is no UTF-8 text (UTF-16, or no text): save it as UTF-8")
    for encoding in (UTF8, CP949):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeDecodeError:
            continue
        return encoding
    raise NotThisLayoutError("the file is neither UTF-8 nor CP949 (EUC-KR): save it as UTF-8")


def records(
    path: Path,
    encoding: str,
    required: Sequence[str],
    progress: Callable[[int], None] = lambda read: None,
) -> Iterator[Record]:
    """The records of a file below its header; `progress` is told how many bytes were read.

    NotThisLayoutError when required columns are missing, or when the file is no CSV at all.
    """
    csv.field_size_limit(CELL_MOST)
    with path.open("rb") as file:
        lines = _Lines(file, encoding, progress)
        reader = csv.reader(lines)
        header = _header(reader, required)
        columns, width = {name: place for place, name in enumerate(header)}, len(header)
        while True:
            begun = reader.line_num + 1
            lines.strays = False
            try:
                row = next(reader, None)
            except csv.Error as error:
                text = f"{error}; is a quote left open?"
                problem = f"lines {begun} to {reader.line_num}: {text}"
                yield Record(begun, (), columns, problem)
                continue
            if row is None:
                return
            if lines.strays:
                yield Record(begun, (), columns, "bytes of another encoding")
            elif not any(row):
                continue
            elif len(row) < width or any(row[width:]):
                problem = f"{len(row)} cells, the header has {width}"
                yield Record(begun, (), columns, problem)
            else:
                yield Record(begun, row, columns)


def _header(reader: Iterator[list[str]], required: Sequence[str]) -> list[str]:
    try:
        row = next(reader, None)
    except csv.Error as error:
        raise NotThisLayoutError(f"the header can't be read: {error}") from None
    columns = [name.strip().removeprefix("\ufeff") for name in row or ()]
    missing = [name for name in required if name not in columns]
    if missing:
        raise NotThisLayoutError(f"columns are missing: {', '.join(missing)}")
    repeated = {name for name in columns if name and columns.count(name) > 1}
    if repeated:
        raise NotThisLayoutError(f"columns stand there twice: {', '.join(sorted(repeated))}")
    return columns


class _Lines:
    """Lines with their ends. Of both encodings the byte of a line feed is never part of another
    character, so lines can be cut out before they are decoded.
    """

    def __init__(self, file: IO[bytes], encoding: str, progress: Callable[[int], None]) -> None:
        self._file = file
        self._encoding = encoding
        self._progress = progress
        self._number = self._read = 0
        self.strays = False
        """Whether a line could not be decoded since this was last set."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LINE_MOST)
        if not line:
            self._progress(self._read)
            raise StopIteration
        self._number += 1
        self._read += len(line)
        if len(line) == LINE_MOST:
            raise NotThisLayoutError(
                f"line {self._number} is longer than {LINE_MOST >> 20} MiB: this is no such CSV"
            )
        if not self._number % PROGRESS_LINES:
            self._progress(self._read)
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError:
            self.strays = True
            return line.decode(self._encoding, "replace")

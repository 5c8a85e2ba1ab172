"""How a label is set: where the name, the small print and the mark stand on the panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from tests.bench.offline_vision.fonts import Typeface
from tests.bench.offline_vision.marks import Colour, Drawn, MarkStyle


@dataclass(frozen=True, kw_only=True)
class Print:
    """Everything a layout sets, and in what."""

    name: str
    lines: Sequence[str]
    mark: Sequence[str]
    badge: str
    face: Typeface
    style: MarkStyle
    ink: Colour
    paper: Colour
    accent: Colour
    mark_pixels: int
    line_pixels: int


Layout = Callable[[Print, tuple[int, int], np.random.Generator], Drawn]


def _emblem(what: Print, room: tuple[int, int]) -> Drawn | None:
    """The mark, or the large print standing in its place, at most `room` pixels."""
    if what.mark:
        drawn = what.style(what.mark, what.face, what.mark_pixels, what.ink)
    elif what.badge:
        font = what.face.at(int(what.mark_pixels * 1.2), bold=True)
        left, top, right, bottom = font.getbbox(what.badge)
        drawn = Image.new("RGBA", (int(right - left) + 12, int(bottom - top) + 12), (0, 0, 0, 0))
        pen = ImageDraw.Draw(drawn)
        pen.text((6 - left, 6 - top), what.badge, font=font, fill=(*what.ink, 255))
    else:
        return None
    scale = min(1.0, room[0] / drawn.width, room[1] / drawn.height)
    if scale < 1:
        size = (max(1, int(drawn.width * scale)), max(1, int(drawn.height * scale)))
        drawn = drawn.resize(size, Image.Resampling.LANCZOS)
    return drawn


def _panel(what: Print, size: tuple[int, int]) -> tuple[Drawn, ImageDraw.ImageDraw]:
    sheet = Image.new("RGBA", size, (*what.paper, 255))
    return sheet, ImageDraw.Draw(sheet)


def _title(pen: ImageDraw.ImageDraw, what: Print, box: tuple[int, int, int], ink: Colour) -> int:
    """Set the name in `box` (left, top, width); returns its bottom."""
    left, top, width = box
    size = 64
    while size > 20 and what.face.at(size, bold=True).getlength(what.name) > width:
        size -= 4
    font = what.face.at(size, bold=True)
    pen.text((left, top), what.name, font=font, fill=(*ink, 255))
    return top + int(size * 1.3)


def _lines(
    pen: ImageDraw.ImageDraw,
    what: Print,
    lines: Sequence[str],
    box: tuple[int, int, int, int],
    *,
    centred: bool = False,
) -> int:
    """Set small print in `box` (left, top, width, bottom); returns where it ended."""
    left, top, width, bottom = box
    y = top
    for line in lines:
        size = what.line_pixels
        while size > 12 and what.face.at(size).getlength(line) > width:
            size -= 1
        if y + size > bottom:
            break
        font = what.face.at(size)
        x, anchor = (left + width / 2, "ma") if centred else (float(left), "la")
        pen.text((x, y), line, font=font, fill=(*what.ink, 255), anchor=anchor)
        y += int(size * 1.5)
    return y


def stack(what: Print, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Name on top, small print, mark at the lower right."""
    sheet, pen = _panel(what, size)
    width, height = size
    y = _title(pen, what, (24, 18, width - 48), what.accent)
    emblem = _emblem(what, (int(width * 0.6), int(height * 0.45)))
    bottom = height - 16 - (emblem.height if emblem else 0)
    _lines(pen, what, what.lines, (24, y + 8, width - 48, bottom))
    if emblem:
        sheet.alpha_composite(emblem, (width - emblem.width - 20, height - emblem.height - 14))
    return sheet


def columns(what: Print, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Mark on the left, text on the right."""
    sheet, pen = _panel(what, size)
    width, height = size
    emblem = _emblem(what, (int(width * 0.46), int(height * 0.7)))
    left = 20
    if emblem:
        sheet.alpha_composite(emblem, (14, (height - emblem.height) // 2))
        left = emblem.width + 34
    y = _title(pen, what, (left, 20, width - left - 16), what.accent)
    _lines(pen, what, what.lines, (left, y + 8, width - left - 16, height - 16))
    return sheet


def table(what: Print, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Ruled table with the mark in its foot."""
    sheet, pen = _panel(what, size)
    width, height = size
    emblem = _emblem(what, (width - 60, int(height * 0.38)))
    foot = height - 20 - (emblem.height if emblem else 0)
    pen.rectangle((10, 10, width - 10, height - 10), outline=(*what.ink, 255), width=2)
    y = _title(pen, what, (26, 20, width - 52), what.ink)
    for line in what.lines:
        if y + what.line_pixels * 1.7 > foot:
            break
        pen.line((10, y, width - 10, y), fill=(*what.ink, 255), width=1)
        y = _lines(pen, what, [line], (26, y + 6, width - 52, foot)) + 4
    if emblem:
        sheet.alpha_composite(emblem, (26, height - emblem.height - 14))
    return sheet


def banner(what: Print, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Coloured band with the name; mark at the upper right under it."""
    sheet, pen = _panel(what, size)
    width, height = size
    band = int(height * 0.22)
    pen.rectangle((0, 0, width, band), fill=(*what.accent, 255))
    _title(pen, what, (24, max(6, band // 2 - 36), width - 48), what.paper)
    emblem = _emblem(what, (int(width * 0.5), int(height * 0.6)))
    room = width - 48
    if emblem:
        sheet.alpha_composite(emblem, (width - emblem.width - 18, band + 18))
        room = width - emblem.width - 60
    _lines(pen, what, what.lines, (24, band + 22, room, height - 16))
    return sheet


def centred(what: Print, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Everything on the middle axis, mark between name and small print."""
    sheet, pen = _panel(what, size)
    width, height = size
    font = what.face.at(48, bold=True)
    name_width = font.getlength(what.name)
    _title(pen, what, (max(20, int((width - name_width) / 2)), 16, width - 40), what.accent)
    y = 86
    emblem = _emblem(what, (width - 60, int(height * 0.46)))
    if emblem:
        sheet.alpha_composite(emblem, ((width - emblem.width) // 2, y))
        y += emblem.height + 12
    _lines(pen, what, what.lines, (24, y, width - 48, height - 12), centred=True)
    return sheet


def strip(what: Print, size: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Two columns of small print and the mark at the right end, boxed."""
    sheet, pen = _panel(what, size)
    width, height = size
    y = _title(pen, what, (20, 14, int(width * 0.55)), what.ink) + 6
    emblem = _emblem(what, (int(width * 0.48), height - 60))
    edge = width - 20
    if emblem:
        edge = width - emblem.width - 34
        top = (height - emblem.height) // 2
        frame = (edge, top - 8, width - 10, top + emblem.height + 8)
        pen.rectangle(frame, outline=(*what.ink, 255), width=2)
        sheet.alpha_composite(emblem, (edge + 12, top))
    _lines(pen, what, what.lines, (20, y, edge - 36, height - 10))
    return sheet


LAYOUTS: Final[dict[str, dict[str, Layout]]] = {
    "tune": {"stack": stack, "columns": columns, "table": table},
    "held_out": {"banner": banner, "centred": centred, "strip": strip},
}

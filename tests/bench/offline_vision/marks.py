"""Recycling marks in our own drawing: three arrows and what they enclose."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from PIL import Image, ImageDraw

from tests.bench.offline_vision.fonts import Typeface

Colour = tuple[int, int, int]
Drawn = Image.Image
MarkStyle = Callable[[Sequence[str], Typeface, int, Colour], Drawn]


def _arrowhead(
    pen: ImageDraw.ImageDraw, tip: tuple[float, float], angle: float, size: float, ink: Colour
) -> None:
    points = [
        (tip[0] + math.cos(angle + turn) * size, tip[1] + math.sin(angle + turn) * size)
        for turn in (0.0, 2.4, -2.4)
    ]
    pen.polygon(points, fill=(*ink, 255))


def _triangle(size: int, ink: Colour, stroke: float) -> Drawn:
    """Three arrows chasing each other along a triangle, `size` pixels wide."""
    height = int(size * 0.92)
    sheet = Image.new("RGBA", (size, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    edge = stroke * size
    corners = [(size / 2, edge), (size - edge, height - edge), (edge, height - edge)]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        a, b = 0.10, 0.74
        p = (start[0] + (end[0] - start[0]) * a, start[1] + (end[1] - start[1]) * a)
        q = (start[0] + (end[0] - start[0]) * b, start[1] + (end[1] - start[1]) * b)
        pen.line([p, q], fill=(*ink, 255), width=max(2, int(edge * 0.9)))
        _arrowhead(pen, q, math.atan2(end[1] - start[1], end[0] - start[0]), edge * 1.5, ink)
    return sheet


def _ring(size: int, ink: Colour) -> Drawn:
    """Three arcs with arrowheads."""
    sheet = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    edge = size * 0.07
    box = (edge, edge, size - edge, size - edge)
    radius = size / 2 - edge
    for start in (270, 30, 150):
        pen.arc(box, start + 8, start + 92, fill=(*ink, 255), width=max(2, int(edge * 0.8)))
        turn = math.radians(start + 94)
        tip = (size / 2 + math.cos(turn) * radius, size / 2 + math.sin(turn) * radius)
        _arrowhead(pen, tip, turn + math.pi / 2, edge * 1.4, ink)
    return sheet


def _texts(
    sheet: Drawn,
    lines: Sequence[str],
    face: Typeface,
    heights: Sequence[int],
    top: float,
    ink: Colour,
) -> None:
    pen = ImageDraw.Draw(sheet)
    y = top
    for line, height in zip(lines, heights, strict=True):
        font = face.at(height, bold=True)
        pen.text((sheet.width / 2, y), line, font=font, fill=(*ink, 255), anchor="mt")
        y += height * 1.15


def _width(lines: Sequence[str], face: Typeface, heights: Sequence[int]) -> int:
    return int(max(face.at(h, bold=True).getlength(t) for t, h in zip(lines, heights, strict=True)))


def _heights(lines: Sequence[str], text: int) -> list[int]:
    return [text if i == 0 else max(14, int(text * 0.8)) for i in range(len(lines))]


def enclosed(lines: Sequence[str], face: Typeface, text: int, ink: Colour) -> Drawn:
    """Triangle with all the text inside."""
    heights = _heights(lines, text)
    size = int(_width(lines, face, heights) * 1.45 + text * 1.8 + 20 * len(lines))
    sheet = _triangle(size, ink, 0.055)
    block = sum(heights) * 1.15
    _texts(sheet, lines, face, heights, sheet.height * 0.86 - block, ink)
    return sheet


def captioned(lines: Sequence[str], face: Typeface, text: int, ink: Colour) -> Drawn:
    """Small triangle with the text under it."""
    heights = _heights(lines, text)
    size = int(text * 2.6)
    width = max(size, _width(lines, face, heights) + 8)
    arrows = _triangle(size, ink, 0.08)
    sheet = Image.new("RGBA", (width, arrows.height + int(sum(heights) * 1.2) + 10), (0, 0, 0, 0))
    sheet.alpha_composite(arrows, ((width - size) // 2, 0))
    _texts(sheet, lines, face, heights, arrows.height + 6, ink)
    return sheet


def split(lines: Sequence[str], face: Typeface, text: int, ink: Colour) -> Drawn:
    """Triangle around the material, resin or metal under it."""
    heights = _heights(lines, text)
    size = int(_width(lines[:1], face, heights[:1]) * 1.5 + text * 1.8)
    arrows = _triangle(size, ink, 0.05)
    below = int(sum(heights[1:]) * 1.25) + 8
    sheet = Image.new("RGBA", (size, arrows.height + below), (0, 0, 0, 0))
    sheet.alpha_composite(arrows, (0, 0))
    _texts(sheet, lines[:1], face, heights[:1], arrows.height * 0.84 - heights[0], ink)
    _texts(sheet, lines[1:], face, heights[1:], arrows.height + 4, ink)
    return sheet


def ringed(lines: Sequence[str], face: Typeface, text: int, ink: Colour) -> Drawn:
    """Arrows in a ring around the text."""
    heights = _heights(lines, text)
    size = int(_width(lines, face, heights) * 1.25 + text * 1.2)
    sheet = _ring(max(size, int(text * 3.2)), ink)
    block = sum(heights) * 1.12
    _texts(sheet, lines, face, heights, (sheet.height - block) / 2, ink)
    return sheet


def beside(lines: Sequence[str], face: Typeface, text: int, ink: Colour) -> Drawn:
    """Small triangle to the left of the text."""
    heights = _heights(lines, text)
    size = int(text * 2.2)
    arrows = _triangle(size, ink, 0.08)
    words = Image.new(
        "RGBA", (_width(lines, face, heights) + 6, int(sum(heights) * 1.2) + 6), (0, 0, 0, 0)
    )
    _texts(words, lines, face, heights, 2, ink)
    height = max(arrows.height, words.height)
    sheet = Image.new("RGBA", (size + 8 + words.width, height), (0, 0, 0, 0))
    sheet.alpha_composite(arrows, (0, (height - arrows.height) // 2))
    sheet.alpha_composite(words, (size + 8, (height - words.height) // 2))
    return sheet


STYLES: Final[dict[str, dict[str, MarkStyle]]] = {
    "tune": {"enclosed": enclosed, "captioned": captioned},
    "held_out": {"split": split, "ringed": ringed, "beside": beside},
}

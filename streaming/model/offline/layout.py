"""Where print stands on a photo and at which angle it runs.

Letters are found as small blobs that stand out from their surroundings, lines of print as blobs in
a row, whatever way the photo is held.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from streaming.model.offline.picture import Grey

    Corners = NDArray[np.float32]


_BLOCK: Final = 45
"""Pixels of the neighbourhood a letter has to stand out from."""

_CLEAREST: Final = 60
_FAINT: Final = 0.3
"""Blobs with less than this share of the contrast of the 60 clearest are grain, weave or gravel."""

_LETTERS_IN_LINE: Final = 3


@dataclass(frozen=True, slots=True)
class TextLine:
    """Something that looks like a line of print: a slanted box in pixels, angle in degrees."""

    x: float
    y: float
    length: float
    height: float
    angle: float
    """Of the long side, −90 ≤ angle < 90; positive turns clockwise, as y points down."""

    dark: bool
    """Whether the letters are darker than what they stand on."""


def letters_mask(grey: Grey, calm: Grey, *, dark: bool) -> Grey:
    """White where something of a letter's size stands out: dark on light, or light on dark.

    Blobs are found in the evened picture `grey`; that they stand out is judged in `calm`, the same
    picture before evening, which makes gravel and weave as black as print.
    """
    import cv2
    import numpy as np

    source = grey if dark else cv2.bitwise_not(grey)
    smooth = cv2.GaussianBlur(source, (0, 0), 0.8)
    binary = cv2.adaptiveThreshold(
        smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _BLOCK, 16
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    if count <= 1:
        return np.zeros_like(grey)
    width, height, area = stats[:, 2], stats[:, 3], stats[:, 4]
    longest, shortest = np.maximum(width, height), np.minimum(width, height)
    fill = area / (width * height)
    keep = (
        (longest >= 7) & (longest <= 110) & (shortest >= 2) & (area >= 14)
        & (fill > 0.08) & (longest < shortest * 9)
    )  # fmt: skip
    keep[0] = False
    level = cv2.GaussianBlur(calm, (0, 0), 0.8).astype(np.float32)
    stands_out = cv2.blur(level, (_BLOCK, _BLOCK)) - level
    if not dark:
        stands_out = -stands_out
    contrast = np.bincount(labels.ravel(), stands_out.ravel(), count) / np.maximum(area, 1)
    if keep.any():
        clearest = np.sort(contrast[keep])[-_CLEAREST:]
        keep &= contrast >= _FAINT * float(np.mean(clearest))
    mask: Grey = (keep[labels] * np.uint8(255)).astype(np.uint8)
    return mask


def text_lines(grey: Grey, calm: Grey) -> tuple[TextLine, ...]:
    """Where print seems to stand, at any angle; longest first."""
    import cv2
    import numpy as np

    out: list[TextLine] = []
    for dark in (True, False):
        mask = letters_mask(grey, calm, dark=dark)
        count, _, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
        if count <= _LETTERS_IN_LINE:
            continue
        sizes = np.maximum(stats[1:, 2], stats[1:, 3])
        reach = max(5, int(np.median(sizes) * 0.55)) | 1
        joined = cv2.morphologyEx(
            mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        )
        rows, row_of, _, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        # the centre of a letter may lie in a hole of it and count for no row; most don't
        at = centres[1:].astype(int)
        letters = np.bincount(row_of[at[:, 1], at[:, 0]], minlength=rows)
        contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            first = contour[0, 0]
            if letters[row_of[first[1], first[0]]] < _LETTERS_IN_LINE:
                continue
            (x, y), (w, h), angle = cv2.minAreaRect(contour)
            if w < h:
                w, h, angle = h, w, angle + 90
            if h < 8 or h > 120 or w < 2.2 * h:
                continue
            angle = (angle + 90) % 180 - 90
            out.append(TextLine(float(x), float(y), float(w), float(h), float(angle), dark))
    return tuple(sorted(out, key=lambda line: -line.length))


def slants(found: tuple[TextLine, ...]) -> tuple[float, ...]:
    """The angles print may run at, in degrees, −90 ≤ angle < 90, likeliest first; never empty.

    A photo of a tiled floor has seams that look like lines of print, so up to three
    are given, and level last.
    """
    votes = [0.0] * 180
    for line in found:
        strength = line.length * min(6.0, line.length / line.height)
        for offset in range(-6, 7):
            share = math.exp(-((offset / 2.5) ** 2))
            votes[(round(line.angle) + offset) % 180] += strength * share
    ranked = sorted(range(180), key=lambda degrees: -votes[degrees])
    peaks: list[int] = []
    for degrees in ranked:
        if len(peaks) == 3 or votes[degrees] < 0.2 * votes[ranked[0]] or not votes[degrees]:
            break
        if all(abs((degrees - peak + 90) % 180 - 90) > 20 for peak in peaks):
            peaks.append(degrees)
    likely = tuple(_refined(found, peak) for peak in peaks)
    return likely if any(abs(degrees) < 20 for degrees in likely) else (*likely, 0.0)


def _refined(found: tuple[TextLine, ...], peak: int) -> float:
    """The mean angle of the lines within five degrees of the peak, long ones counting more."""
    near = [
        (off, line.length**2)
        for line in found
        if abs(off := (line.angle - peak + 90) % 180 - 90) < 5
    ]
    total = sum(weight for _, weight in near)
    mean = peak + (sum(off * weight for off, weight in near) / total if total else 0.0)
    return (mean + 90) % 180 - 90


def level_with(found: tuple[TextLine, ...], degrees: float) -> tuple[TextLine, ...]:
    """The lines that run at that angle, give or take six degrees."""
    return tuple(line for line in found if abs((line.angle - degrees + 90) % 180 - 90) < 6)


def letter_height(found: tuple[TextLine, ...]) -> float:
    """Typical height of print in pixels; 24 without any."""
    if not found:
        return 24.0
    heights = sorted(line.height for line in found[:20])
    return heights[len(heights) // 2]


def label_outline(grey: Grey, found: tuple[TextLine, ...]) -> Corners | None:
    """Corners of the four-sided label that most of the print stands on, clockwise from upper left.

    None when there is none, or when it is so close to a rectangle that nothing would be gained.
    """
    import cv2
    import numpy as np

    whole = float(grey.shape[0] * grey.shape[1])
    smooth = cv2.bilateralFilter(grey, 7, 40, 7)
    edges = cv2.dilate(cv2.Canny(smooth, 30, 90), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    best: tuple[float, Corners] | None = None
    for contour in contours:
        area = cv2.contourArea(contour)
        if not 0.06 * whole < area < 0.85 * whole:
            continue
        hull = cv2.convexHull(contour)
        corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True)
        if len(corners) != 4 or area < 0.8 * cv2.contourArea(hull):
            continue
        inside = sum(
            line.length for line in found if cv2.pointPolygonTest(hull, (line.x, line.y), False) > 0
        )
        worth = inside / math.sqrt(area)
        if inside and (best is None or worth > best[0]):
            best = (worth, _clockwise(corners.reshape(4, 2).astype(np.float32)))
    if best is None or _squareness(best[1]) < 2.0:
        return None
    return best[1]


def _clockwise(corners: Corners) -> Corners:
    """Ordered clockwise, beginning with the one nearest to the upper left."""
    import numpy as np

    centre = corners.mean(axis=0)
    around = np.argsort(np.arctan2(corners[:, 1] - centre[1], corners[:, 0] - centre[0]))
    ordered = corners[around]
    first = int(np.argmin(ordered.sum(axis=1)))
    return np.roll(ordered, -first, axis=0).astype(np.float32)


def _squareness(corners: Corners) -> float:
    """Degrees by which the worst corner misses a right angle."""
    import numpy as np

    before = np.roll(corners, 1, axis=0) - corners
    after = np.roll(corners, -1, axis=0) - corners
    cosine = (before * after).sum(axis=1) / (
        np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1) + 1e-6
    )
    return float(np.max(np.abs(np.degrees(np.arccos(np.clip(cosine, -1, 1))) - 90)))

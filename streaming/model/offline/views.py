"""Ways of showing a photo to tesseract, from the likeliest to the last resort.

Each is worth trying because another fails: the levelled picture reads whole labels, the word sheet
reads the two syllables of a mark that get lost among arrows and texture, the sharpened sheet reads
through blur, the straightened one undoes a slanting camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streaming.model.offline import layout, picture

if TYPE_CHECKING:
    from streaming.model.offline.picture import Grey

SPARSE: Final = 11
"""tesseract's ``--psm`` for text scattered anywhere."""

BLOCK: Final = 6
"""… and for one block of lines, which a word sheet is."""

SHEET_LETTER_HEIGHT: Final = 44
SHEET_WORDS: Final = 34
_MARGIN: Final = 0.22
"""Room left around the print that was found, as a share of the longer side: the mark may stand
apart from it and be too short to count as a line."""

_REACHES: Final = ((0.35, 0.15), (0.7, 0.3))
"""Gaps across and down, in letter heights, at which letters still make one word: the first keeps
the two lines of a mark apart, the second holds widely set print together."""

_LETTER_PIXELS: Final = (10.0, 32.0)
"""Letter heights that are believed; lines run together look like one of larger print."""

_SOLID: Final = 0.62
"""Share of ink from which a blob is a bar or a blot, not a word."""

_FAINT: Final = 0.6
"""Words with less than this share of the contrast that the clearest words have are texture."""


@dataclass(frozen=True, slots=True)
class View:
    """One picture for tesseract."""

    name: str
    png: bytes
    layout: int
    """Its ``--psm``."""


class Photo:
    """A photo, evened out, with its print located: views are made from it one by one."""

    def __init__(self, grey: Grey, *, name: str = "") -> None:
        self._name = name
        self._calm = picture.calmed(grey)
        self._grey = picture.evened(self._calm)
        self._lines = layout.text_lines(self._grey, self._calm)
        self.slants = layout.slants(self._lines)
        """Degrees print may run at, likeliest first; upside down is not told from upright."""

    @classmethod
    def unpacked(cls, data: bytes) -> Photo:
        """From the bytes of a file; :class:`ModelRejected` when they are no picture."""
        import cv2

        cv2.setNumThreads(1)  # photos are read side by side; one core each
        return cls(picture.decode(data))

    def straightened(self) -> Photo | None:
        """The label seen from the front, when its outline shows a slanting camera."""
        import cv2
        import numpy as np

        corners = layout.label_outline(self._grey, self._lines)
        if corners is None:
            return None
        sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
        width = int(max(sides[0], sides[2]))
        height = int(max(sides[1], sides[3]))
        target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
        flat = cv2.warpPerspective(self._calm, matrix, (width, height), flags=cv2.INTER_CUBIC)
        return Photo(flat.astype(np.uint8), name="straightened ")

    def whole(self) -> View:
        """The evened picture as it was taken."""
        return View("whole", picture.encoded(self._grey), SPARSE)

    def levelled(self, degrees: float) -> View:
        """The part with print that slants by `degrees`, level."""
        grey = self._level(self._grey, degrees)
        return View(self._named("levelled", degrees), picture.encoded(grey), SPARSE)

    def letters(self, degrees: float) -> View:
        """As levelled, but only what looks like letters, black on white."""
        grey = self._level(self._grey, degrees)
        level = layout.level_with(self._lines, degrees)
        dark = 2 * sum(line.length for line in level if line.dark)
        mostly_dark = dark >= sum(line.length for line in level)
        calm = self._level(self._calm, degrees)
        mask = layout.letters_mask(grey, calm, dark=mostly_dark)
        ink = _ink(grey, mask, mostly_dark)
        return View(self._named("letters", degrees), picture.encoded(ink), SPARSE)

    def words(self, degrees: float, *, sharpened: bool = False) -> View | None:
        """Everything that looks like a short word, one under the other; None when nothing does."""
        source = _sharpened(self._grey) if sharpened else self._grey
        smallest, largest = _LETTER_PIXELS
        found = layout.letter_height(layout.level_with(self._lines, degrees))
        letter = min(max(found, smallest), largest)
        calm = picture.turned(self._calm, degrees)
        sheet = _word_sheet(picture.turned(source, degrees), calm, letter)
        if sheet is None:
            return None
        name = self._named("sharpened words" if sharpened else "words", degrees)
        return View(name, picture.encoded(sheet), BLOCK)

    def enlarged(self, degrees: float) -> View:
        """As levelled, half as large again and sharpened."""
        grey = _sharpened(self._level(self._grey, degrees, 1.5))
        return View(self._named("enlarged", degrees), picture.encoded(grey), SPARSE)

    def _named(self, way: str, degrees: float) -> str:
        return f"{self._name}{way} {round(degrees) % 360}°"

    def _level(self, source: Grey, degrees: float, factor: float = 1.0) -> Grey:
        """`source` turned level and cut to the print that was found there."""
        import cv2
        import numpy as np

        grey = picture.turned(source, degrees, factor)
        level = layout.level_with(self._lines, degrees)
        if len(level) < 3:
            return grey
        if abs(degrees) < picture.SMALLEST_TURN:
            matrix = np.array([[factor, 0, 0], [0, factor, 0]], dtype=np.float64)
        else:
            matrix, _ = picture.turning(source.shape, degrees, factor)
        corners = np.vstack(
            [
                cv2.boxPoints(((line.x, line.y), (line.length, line.height), line.angle))
                for line in level
            ]
        )
        moved = corners @ matrix[:, :2].T + matrix[:, 2]
        room = _MARGIN * max(source.shape) * factor
        left, top = np.maximum(moved.min(axis=0) - room, 0).astype(int)
        right, bottom = (moved.max(axis=0) + room).astype(int)
        return grey[top:bottom, left:right]


def _ink(grey: Grey, mask: Grey, dark: bool) -> Grey:
    """The letters of the mask in black on white, their edges soft."""
    import cv2
    import numpy as np

    wider = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    source = grey if dark else cv2.bitwise_not(grey)
    drawn = np.where(wider > 0, source, 255).astype(np.uint8)
    return cv2.GaussianBlur(drawn, (0, 0), 0.6).astype(np.uint8)


def _sharpened(grey: Grey) -> Grey:
    import cv2
    import numpy as np

    soft = cv2.GaussianBlur(grey, (0, 0), 2.0)
    return cv2.addWeighted(grey, 3.5, soft, -2.5, 0).astype(np.uint8)


def _word_boxes(
    mask: Grey, calm_ink: Grey, letter: float, reach: tuple[float, float]
) -> list[tuple[float, int, int, int, int]]:
    """Short words as (contrast, left, top, width, height).

    Letters join that are up to `reach` (across, down) letter heights apart.
    """
    import cv2
    import numpy as np

    across = np.ones((3, max(3, int(letter * reach[0]))), np.uint8)
    down = np.ones((max(3, int(letter * reach[1])), 1), np.uint8)
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, across)
    joined = cv2.morphologyEx(joined, cv2.MORPH_CLOSE, down)
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    found = []
    for left, top, width, height, _ in stats[1:].tolist():
        wanted = max(11.0, 0.6 * letter) <= height <= 5 * letter
        if not wanted or not 1.2 * height <= width <= 9 * height:
            continue
        piece = calm_ink[top : top + height, left : left + width]
        if float(np.mean(mask[top : top + height, left : left + width] > 0)) > _SOLID:
            continue
        contrast = 255.0 - float(np.percentile(piece, 5))
        found.append((contrast, left, top, width, height))
    return found


def _word_sheet(grey: Grey, calm: Grey, letter: float) -> Grey | None:
    """Short words cut out, brought to one height and set under each other."""
    import cv2
    import numpy as np

    cut: list[tuple[float, Grey]] = []
    for dark in (True, False):
        mask = layout.letters_mask(grey, calm, dark=dark)
        ink, calm_ink = _ink(grey, mask, dark), _ink(calm, mask, dark)
        taken: set[tuple[int, int, int, int]] = set()
        for reach in _REACHES:
            for contrast, left, top, width, height in _word_boxes(mask, calm_ink, letter, reach):
                place = (left // 4, top // 4, width // 4, height // 4)
                if place in taken:
                    continue
                taken.add(place)
                room = int(height * 0.12) + 1
                piece = ink[
                    max(0, top - room) : top + height + room,
                    max(0, left - room) : left + width + room,
                ]
                cut.append((contrast, picture.scaled(piece, SHEET_LETTER_HEIGHT / height)))
    if not cut:
        return None
    clear = _FAINT * sorted(contrast for contrast, _ in cut)[int(len(cut) * 0.9)]
    kept = [entry for entry in cut if entry[0] >= clear]
    best = sorted(kept, key=lambda entry: -entry[0])[:SHEET_WORDS]
    wide = max(piece.shape[1] for _, piece in best)
    rows = [
        cv2.copyMakeBorder(
            piece, 14, 14, 28, 28 + wide - piece.shape[1], cv2.BORDER_CONSTANT, value=(255.0,)
        )
        for _, piece in best
    ]
    return np.vstack(rows).astype(np.uint8)

"""What is done to a photo as a whole: unpacked, evened out, turned, packed for tesseract.

Everything here is pure and takes 10–80 ms for a picture of 1000×1000 pixels on one core, so callers
run it in a thread. OpenCV and numpy are imported on first use: they cost 0.15 s and 35 MB that a
process without the offline reader doesn't have to pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streaming.model.provider import ModelRejected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]
    Matrix = NDArray[np.float64]

LONGEST_SIDE: Final = 1600
"""Pixels; larger photos are shrunk to this. Print of 20 pixels and more is read."""

SMALLEST_TURN: Final = 0.4
"""Degrees; less is not worth the blur of turning."""

SHORTEST_SIDE: Final = 24
MOST_PIXELS: Final = 50_000_000
"""A photo of more is refused before it is unpacked: 50 megapixels are 150 MB."""

_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF8", b"BM")


def decode(data: bytes) -> Grey:
    """The photo in grey, its EXIF orientation applied, no side longer than LONGEST_SIDE.

    Raises :class:`ModelRejected` when the bytes are not a picture, or one too large or too small.
    """
    import cv2
    import numpy as np

    if not data.startswith(_SIGNATURES):
        raise ModelRejected("not an image: the bytes begin like none of JPEG, PNG, WebP, GIF, BMP")
    width, height = _declared_size(data)
    if width * height > MOST_PIXELS:
        raise ModelRejected(f"the image has {width}×{height} pixels, more than {MOST_PIXELS}")
    try:
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error as failure:
        raise ModelRejected("the image can't be unpacked") from failure
    if grey is None:
        raise ModelRejected("the image can't be unpacked")
    if min(grey.shape[:2]) < SHORTEST_SIDE:
        raise ModelRejected(f"the image is smaller than {SHORTEST_SIDE} pixels")
    longest = max(grey.shape[:2])
    if longest > LONGEST_SIDE:
        grey = scaled(grey.astype(np.uint8), LONGEST_SIDE / longest)
    return grey.astype(np.uint8)


def _declared_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header, before anything is unpacked."""
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as header:
            return header.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as failure:
        raise ModelRejected("not an image: its header can't be read") from failure


def scaled(grey: Grey, factor: float) -> Grey:
    """The picture `factor` times as large."""
    import cv2
    import numpy as np

    if abs(factor - 1) < 0.02:
        return grey
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(grey, None, fx=factor, fy=factor, interpolation=how).astype(np.uint8)


def noise_level(grey: Grey) -> float:
    """Standard deviation of the grain in grey levels (Immerkær's method, robust form)."""
    import cv2
    import numpy as np

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(grey.astype(np.float32), -1, kernel))
    return float(np.median(response) / 0.6745 / 6)


def calmed(grey: Grey) -> Grey:
    """Grain taken off when there is much, then stretched to the full range of greys."""
    import cv2
    import numpy as np

    grain = noise_level(grey)
    if grain > 9:
        calm = cv2.medianBlur(grey, 3)
        grey = cv2.bilateralFilter(calm, 7, min(90.0, grain * 3), 3).astype(np.uint8)
    low, high = np.percentile(grey, (0.5, 99.5))
    if high - low < 1:
        return grey
    stretched = (grey.astype(np.float32) - low) * (255 / (high - low))
    return np.asarray(np.clip(stretched, 0, 255), dtype=np.uint8)


def evened(calm: Grey) -> Grey:
    """Light and contrast of a calmed picture evened out from place to place."""
    import cv2
    import numpy as np

    clip = 2.0 if noise_level(calm) < 12 else 1.2
    return np.asarray(cv2.createCLAHE(clip, (8, 8)).apply(calm), dtype=np.uint8)


def turning(
    shape: tuple[int, ...], degrees: float, factor: float = 1.0
) -> tuple[Matrix, tuple[int, int]]:
    """How to level print that slants by `degrees`: the 2×3 matrix, and the (width, height) then.

    Nothing is cut: the new picture holds all four corners of the old one.
    """
    import cv2
    import numpy as np

    height, width = shape[:2]
    matrix = np.asarray(
        cv2.getRotationMatrix2D((width / 2, height / 2), degrees, factor), dtype=np.float64
    )
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, tall = int(width * cos + height * sin), int(width * sin + height * cos)
    matrix[0, 2] += wide / 2 - width / 2
    matrix[1, 2] += tall / 2 - height / 2
    return matrix, (wide, tall)


def turned(grey: Grey, degrees: float, factor: float = 1.0) -> Grey:
    """The picture with print that slants by `degrees` level, `factor` times as large."""
    import cv2
    import numpy as np

    if abs(degrees) < SMALLEST_TURN:
        return scaled(grey, factor)
    matrix, size = turning(grey.shape, degrees, factor)
    level = int(np.median(grey))
    return cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_CUBIC, borderValue=level).astype(
        np.uint8
    )


def encoded(grey: Grey) -> bytes:
    """As tesseract takes it fastest: PNG, hardly packed."""
    import cv2

    stored, data = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not stored:
        raise ValueError("OpenCV could not encode the view")
    return data.tobytes()

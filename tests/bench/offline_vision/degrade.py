"""What a hurried hand and a cheap camera do to a picture."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from tests.bench.offline_vision.scene import Pixels

KINDS: Final = (
    "rotation", "perspective", "blur", "noise", "low_contrast", "jpeg", "mixed"
)  # fmt: skip
CLEAN: Final = "clean"


def _rotate(picture: Pixels, degrees: float) -> Pixels:
    """Turn about the centre, zoomed out just enough that the middle three quarters stay in."""
    height, width = picture.shape[:2]
    turn = np.deg2rad(degrees)
    zoom = 1 / (1 + 0.22 * abs(np.sin(2 * turn)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    turned = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )
    return turned.astype(np.uint8)


def _tilt(picture: Pixels, rng: np.random.Generator, most: float) -> Pixels:
    """Move the corners inwards by up to `most` of the side."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    shift = rng.uniform(0.0, most, (4, 2)).astype(np.float32)
    moved = (corners + inward * shift * np.array([width, height], np.float32)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    tilted = cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return tilted.astype(np.uint8)


def _noise(picture: Pixels, rng: np.random.Generator, sigma: float) -> Pixels:
    grain = rng.normal(0, sigma, picture.shape).astype(np.float32)
    return np.asarray(np.clip(picture.astype(np.float32) + grain, 0, 255), dtype=np.uint8)


def _contrast(picture: Pixels, rng: np.random.Generator, factor: float) -> Pixels:
    level = rng.uniform(70, 170)
    flat = (picture.astype(np.float32) - 128) * factor + level
    return np.asarray(np.clip(flat, 0, 255), dtype=np.uint8)


def _blur(picture: Pixels, sigma: float) -> Pixels:
    return cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8)


def apply(picture: Pixels, kind: str, rng: np.random.Generator) -> tuple[Pixels, int]:
    """The picture after `kind` happened to it, and the JPEG quality to store it with.

    Strengths (picture 1000 pixels wide, small print 20 to 26 pixels high, marks 30 to 56): any
    angle; corners moved by up to 16 %; blur with a sigma of 1.2 to 2.4 pixels; noise with a sigma
    of 15 to 32 levels; contrast cut to 20 to 45 %; JPEG quality 15 to 35.
    """
    quality = int(rng.integers(84, 95))
    if kind == CLEAN:
        picture = _rotate(picture, rng.uniform(-3, 3))
        return _noise(picture, rng, 2.0), quality
    if kind == "rotation":
        picture = _rotate(picture, rng.uniform(-180, 180))
    elif kind == "perspective":
        picture = _tilt(picture, rng, 0.16)
    elif kind == "blur":
        picture = _blur(picture, rng.uniform(1.2, 2.4))
    elif kind == "noise":
        picture = _noise(picture, rng, rng.uniform(15, 32))
    elif kind == "low_contrast":
        picture = _contrast(picture, rng, rng.uniform(0.20, 0.45))
    elif kind == "jpeg":
        quality = int(rng.integers(15, 35))
    elif kind == "mixed":
        picture = _rotate(_tilt(picture, rng, 0.08), rng.uniform(-180, 180))
        picture = _blur(picture, rng.uniform(0.5, 1.1))
        picture = _noise(_contrast(picture, rng, rng.uniform(0.45, 0.8)), rng, rng.uniform(3, 9))
        quality = int(rng.integers(50, 80))
    else:
        raise ValueError(f"unknown degradation {kind!r}")
    return _noise(picture, rng, 2.0), quality

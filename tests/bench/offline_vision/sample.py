"""``python -m tests.bench.offline_vision.sample FILE``: the photo that the demo sends.

A clear PET bottle of water, held a little askew, drawn by the generator; about 100 kB of JPEG.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tests.bench.offline_vision import degrade, scene
from tests.bench.offline_vision.fonts import TYPEFACES
from tests.bench.offline_vision.layouts import Print, columns
from tests.bench.offline_vision.marks import split

_SEED: Final = 7
_BYTES: Final = 100_000


def draw() -> bytes:
    """The photo as a JPEG, the same bytes every time with the same libraries."""
    rng = np.random.default_rng(_SEED)
    label = Print(
        name="맑은샘",
        lines=("품목명 먹는샘물", "수원지 강원도 평창군", "무기물질 함량 표시", "용량 500 mL"),
        mark=("무색페트",),
        badge="",
        face=TYPEFACES["tune"][0],
        style=split,
        ink=(20, 40, 95),
        paper=(236, 243, 250),
        accent=(25, 90, 170),
        mark_pixels=56,
        line_pixels=24,
    )
    panel = columns(label, scene.PANEL["bottle"], rng)
    photo, _ = degrade.apply(scene.photograph("bottle", panel, rng), degrade.CLEAN, rng)
    best = b""
    for quality in range(40, 96):
        stored, data = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not stored:
            raise RuntimeError("OpenCV could not encode the photo")
        if best and data.size > _BYTES:
            break
        best = data.tobytes()
    return best


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(draw())

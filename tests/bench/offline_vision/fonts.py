"""The fonts the packages are printed in: one family set to tune on, another never tuned on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

_NANUM: Final = Path("/usr/share/fonts/truetype/nanum")
_NOTO: Final = Path("/usr/share/fonts/opentype/noto")
_KOREAN_FACE: Final = 1
"""Index of the Korean face in Noto's CJK collections (JP, KR, SC, TC, HK)."""


@dataclass(frozen=True)
class Typeface:
    """A family in two weights."""

    name: str
    regular: Path
    bold: Path
    face: int = 0

    def at(self, size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
        """The font at `size` pixels."""
        return _load(str(self.bold if bold else self.regular), max(size, 6), self.face)


@lru_cache(maxsize=512)
def _load(path: str, size: int, face: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=face)


def _nanum(name: str, regular: str, bold: str) -> Typeface:
    return Typeface(name, _NANUM / regular, _NANUM / bold)


TYPEFACES: Final[dict[str, tuple[Typeface, ...]]] = {
    "tune": (
        _nanum("NanumGothic", "NanumGothic.ttf", "NanumGothicBold.ttf"),
        _nanum("NanumMyeongjo", "NanumMyeongjo.ttf", "NanumMyeongjoBold.ttf"),
        Typeface(
            "NotoSansCJK",
            _NOTO / "NotoSansCJK-Regular.ttc",
            _NOTO / "NotoSansCJK-Bold.ttc",
            _KOREAN_FACE,
        ),
    ),
    "held_out": (
        _nanum("NanumBarunGothic", "NanumBarunGothic.ttf", "NanumBarunGothicBold.ttf"),
        _nanum("NanumSquare", "NanumSquareR.ttf", "NanumSquareB.ttf"),
        _nanum("NanumSquareRound", "NanumSquareRoundR.ttf", "NanumSquareRoundB.ttf"),
        Typeface(
            "NotoSerifCJK",
            _NOTO / "NotoSerifCJK-Regular.ttc",
            _NOTO / "NotoSerifCJK-Bold.ttc",
            _KOREAN_FACE,
        ),
    ),
}


def missing() -> list[Path]:
    """Font files that are not installed (Debian: fonts-nanum, fonts-noto-cjk)."""
    return [
        path
        for faces in TYPEFACES.values()
        for face in faces
        for path in (face.regular, face.bold)
        if not path.exists()
    ]

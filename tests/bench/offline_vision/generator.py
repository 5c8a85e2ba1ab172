"""Pictures of packages whose class is known, the same ones for the same seed.

The two splits share neither typefaces nor layouts nor styles of the mark nor product names:
``tune`` is for working on the reader, ``held_out`` for measuring it. Drawn pictures are not photos:
they show whether print is found and read under known damage, not how people hold a telephone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml

from tests.bench.offline_vision import degrade, scene
from tests.bench.offline_vision.fonts import TYPEFACES, Typeface
from tests.bench.offline_vision.layouts import LAYOUTS, Layout, Print
from tests.bench.offline_vision.marks import STYLES, Colour, MarkStyle

SPLITS: Final = ("tune", "held_out")
UNREADABLE: Final = "미분류"
MAJOR: Final = "재활용폐기물"
_COPY: Final = Path(__file__).with_name("copy.yaml")
_INKS: Final[tuple[tuple[Colour, Colour, Colour], ...]] = (  # ink, paper, accent
    ((25, 25, 28), (250, 250, 248), (180, 30, 40)),
    ((20, 40, 95), (236, 243, 250), (25, 90, 170)),
    ((250, 250, 250), (28, 92, 150), (255, 230, 120)),
    ((245, 245, 240), (150, 32, 40), (255, 225, 150)),
    ((40, 60, 35), (240, 244, 222), (60, 120, 50)),
    ((250, 248, 240), (44, 46, 52), (240, 190, 70)),
    ((60, 40, 25), (214, 184, 140), (110, 60, 30)),
    ((30, 30, 30), (250, 214, 90), (170, 50, 30)),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture and what it shows."""

    name: str
    split: str
    kind: str
    """``clean`` or what was done to it."""

    middle: str
    """Right answer; ``미분류`` where nothing printed tells."""

    minor: str | None
    package: str
    layout: str
    typeface: str
    jpeg: bytes

    @property
    def degraded(self) -> bool:
        """Whether the picture was damaged."""
        return self.kind != degrade.CLEAN


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A picture before it is drawn; small enough to send to another process."""

    split: str
    kind: str
    middle: str
    item: int
    number: int
    seed: int


@lru_cache(maxsize=1)
def _copy() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(_COPY.read_text("utf-8"))
    return loaded


def middles() -> tuple[str, ...]:
    """The 12 recyclable classes, in the order of the copy."""
    return tuple(_copy()["classes"])


def _items(middle: str) -> Sequence[Mapping[str, Any]]:
    copy = _copy()
    found: Sequence[Mapping[str, Any]] = (
        copy["unreadable"] if middle == UNREADABLE else copy["classes"][middle]
    )
    return found


def plans(split: str, per_class: int | None = None, seed: int = 20_240_601) -> Iterator[Plan]:
    """Pictures of a split: per class five clean ones and one of each damage.

    `per_class` asks for another number; the same pattern is then repeated or cut.
    """
    if split not in SPLITS:
        raise ValueError(f"split is one of {SPLITS}, got {split!r}")
    pattern = (degrade.CLEAN,) * 5 + degrade.KINDS
    wanted = len(pattern) if per_class is None else per_class
    for middle in (*middles(), UNREADABLE):
        for number in range(wanted):
            # interleave, so that a short run sees both clean and damaged pictures
            kind = pattern[(number * 5) % len(pattern)]
            yield Plan(
                split=split,
                kind=kind,
                middle=middle,
                item=number % len(_items(middle)),
                number=number,
                seed=seed,
            )


def _pick(
    plan: Plan, rng: np.random.Generator
) -> tuple[str, Layout, Typeface, MarkStyle, tuple[Colour, Colour, Colour]]:
    layouts = sorted(LAYOUTS[plan.split])
    layout = layouts[(plan.number + plan.item) % len(layouts)]
    faces = TYPEFACES[plan.split]
    styles = sorted(STYLES[plan.split])
    style = styles[int(rng.integers(0, len(styles)))]
    return (
        layout,
        LAYOUTS[plan.split][layout],
        faces[int(rng.integers(0, len(faces)))],
        STYLES[plan.split][style],
        _INKS[int(rng.integers(0, len(_INKS)))],
    )


def _small_print(item: Mapping[str, Any], split: str, rng: np.random.Generator) -> list[str]:
    pool = [*_copy()["distractors"]["both"], *_copy()["distractors"][split]]
    extra = [pool[int(i)] for i in rng.permutation(len(pool))[: int(rng.integers(1, 4))]]
    own = list(item["lines"])
    return own[: int(rng.integers(max(0, len(own) - 1), len(own) + 1))] + extra


def draw(plan: Plan) -> Sample:
    """The picture of a plan, as a JPEG."""
    middle_index = (*middles(), UNREADABLE).index(plan.middle)
    key = [plan.seed, SPLITS.index(plan.split), middle_index, plan.number]
    rng = np.random.default_rng(key)
    item = _items(plan.middle)[plan.item]
    layout_name, layout, face, style, (ink, paper, accent) = _pick(plan, rng)
    names = item["names"][plan.split]
    printed = Print(
        name=names[int(rng.integers(0, len(names)))],
        lines=_small_print(item, plan.split, rng),
        mark=item.get("mark", ()),
        badge=item.get("badge", ""),
        face=face,
        style=style,
        ink=ink,
        paper=paper,
        accent=accent,
        mark_pixels=int(rng.integers(30, 57)),
        line_pixels=int(rng.integers(20, 27)),
    )
    panel = layout(printed, scene.PANEL[item["package"]], rng)
    picture = scene.photograph(item["package"], panel, rng)
    picture, quality = degrade.apply(picture, plan.kind, rng)
    stored, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not stored:
        raise RuntimeError("OpenCV could not encode the picture")
    return Sample(
        name=f"{plan.split}-{plan.middle}-{plan.number:03d}-{plan.kind}",
        split=plan.split,
        kind=plan.kind,
        middle=plan.middle,
        minor=item.get("minor"),
        package=item["package"],
        layout=layout_name,
        typeface=face.name,
        jpeg=encoded.tobytes(),
    )

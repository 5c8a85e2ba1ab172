"""What stands around the label: the package it is on and the place the photo was taken in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.bench.offline_vision.marks import Colour, Drawn

Pixels = NDArray[np.uint8]
SIDE: Final = 1000
"""Width and height of a picture in pixels."""

PANEL: Final[dict[str, tuple[int, int]]] = {
    "bottle": (600, 400),
    "pot": (600, 440),
    "bag": (640, 500),
    "can": (600, 460),
    "jar": (560, 420),
    "box": (680, 520),
    "carton": (560, 540),
    "foam": (620, 440),
    "garment": (480, 560),
    "battery": (760, 300),
    "lamp": (700, 300),
    "plate": (660, 440),
}
"""Size of the printed panel on each package in pixels."""

_BENT: Final = {"bottle": 0.55, "pot": 0.4, "can": 0.6, "jar": 0.5, "battery": 0.0, "lamp": 0.0}


def background(rng: np.random.Generator) -> Drawn:
    """A table, a floor, a cloth: smooth shade, grain and now and then seams."""
    base = np.clip(rng.uniform(70, 215) + rng.uniform(-28, 28, 3), 40, 235)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    tilt = rng.uniform(-30, 30, 2)
    field = base[None, None, :] + (tilt[0] * x + tilt[1] * y)[:, :, None]
    kind = int(rng.integers(0, 4))
    if kind == 0:  # wood
        wave = np.sin((y * rng.uniform(30, 60)) + 2 * np.sin(x * 6 + rng.uniform(0, 6)))
        field += (wave * 9)[:, :, None]
    elif kind == 1:  # cloth
        weave = np.sin(x * 420) * np.sin(y * 420)
        field += (weave * 8)[:, :, None]
    elif kind == 2:  # tiles
        pitch = rng.uniform(0.22, 0.4)
        seam = ((x % pitch) < 0.008) | ((y % pitch) < 0.008)
        field -= (seam * 35)[:, :, None]
    else:  # speckle
        rough = rng.normal(0, 1, (SIDE // 8, SIDE // 8)).astype(np.float32)
        field += (cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * 10)[:, :, None]
    return Image.fromarray(np.clip(field, 0, 255).astype(np.uint8), "RGB").convert("RGBA")


def _bend(panel: Drawn, depth: float) -> Drawn:
    """The panel as seen around an upright cylinder; `depth` 0 is flat, 1 a half turn."""
    if depth <= 0:
        return panel
    pixels = np.asarray(panel)
    height, width = pixels.shape[:2]
    half = depth * np.pi / 2
    x = np.linspace(-1, 1, width, dtype=np.float32)
    source = (np.arcsin(x * np.sin(half)) / half + 1) / 2 * (width - 1)
    sag = (np.sqrt(1 - (x * np.sin(half)) ** 2) - 1) * height * 0.06
    map_x = np.repeat(source[None, :].astype(np.float32), height, axis=0)
    map_y = (np.arange(height, dtype=np.float32)[:, None] - sag[None, :] - height * 0.012).astype(
        np.float32
    )
    bent = cv2.remap(pixels, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    shade = 1 - 0.35 * np.abs(x) ** 2.2
    out = bent.astype(np.float32)
    out[:, :, :3] *= shade[None, :, None]
    return Image.fromarray(out.astype(np.uint8), "RGBA")


def _rounded(size: tuple[int, int], radius: int, colour: Colour, alpha: int = 255) -> Drawn:
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(sheet).rounded_rectangle(
        (0, 0, size[0] - 1, size[1] - 1), radius, fill=(*colour, alpha)
    )
    return sheet


def _shaded(sheet: Drawn, strength: float = 0.4) -> Drawn:
    """Light from the left on something round."""
    pixels = np.asarray(sheet).astype(np.float32)
    x = np.linspace(-1, 1, pixels.shape[1])
    shade = 1 - strength * np.abs(x + 0.2) ** 2
    pixels[:, :, :3] *= np.clip(shade, 0.3, 1.1)[None, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA")


def _paste(canvas: Drawn, piece: Drawn, centre: tuple[int, int]) -> None:
    canvas.alpha_composite(
        piece, (max(0, centre[0] - piece.width // 2), max(0, centre[1] - piece.height // 2))
    )


def _bottle(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    tint: Colour = (205, 222, 232)
    body = _shaded(_rounded((panel.width - 4, 960), 120, tint, 150), 0.5)
    _paste(canvas, body, (500, 560))
    neck = _shaded(_rounded((190, 150), 40, tint, 170), 0.5)
    _paste(canvas, neck, (500, 75))
    cap: Colour = (60, 130, 210)
    _paste(canvas, _shaded(_rounded((200, 70), 12, cap)), (500, 36))
    for y in (800, 860, 920):
        ridge = _rounded((panel.width - 20, 8), 4, (240, 248, 252), 130)
        _paste(canvas, ridge, (500, y))
    _paste(canvas, panel, (500, 520))


def _pot(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    body = _shaded(_rounded((panel.width + 20, 640), 60, (238, 236, 230)), 0.25)
    _paste(canvas, body, (500, 540))
    _paste(canvas, _shaded(_rounded((panel.width + 60, 80), 20, (225, 225, 228)), 0.2), (500, 210))
    _paste(canvas, panel, (500, 540))


def _bag(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    colour = panel.getpixel((3, 3))
    assert isinstance(colour, tuple)
    tint: Colour = (int(colour[0] * 0.9), int(colour[1] * 0.9), int(colour[2] * 0.9))
    body = _rounded((panel.width + 100, 880), 30, tint)
    pen = ImageDraw.Draw(body)
    for y in (0, 845):
        for x in range(0, body.width, 10):
            pen.line((x, y, x + 4, y + 35), fill=(255, 255, 255, 70), width=2)
    _paste(canvas, body, (500, 500))
    _paste(canvas, panel, (500, 510))
    creases = Image.new("L", canvas.size, 0)
    pen = ImageDraw.Draw(creases)
    for _ in range(7):
        x0, y0 = rng.uniform(150, 850, 2)
        dx, dy = rng.uniform(-260, 260, 2)
        pen.line((x0, y0, x0 + dx, y0 + dy), fill=int(rng.uniform(30, 80)), width=14)
    creases = creases.filter(ImageFilter.GaussianBlur(10))
    light = Image.new("RGBA", canvas.size, (255, 255, 255, 0))
    light.putalpha(creases)
    canvas.alpha_composite(light)


def _can(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    metal = _shaded(_rounded((panel.width + 10, 860), 40, (200, 203, 208)), 0.55)
    _paste(canvas, metal, (500, 510))
    lid = Image.new("RGBA", (panel.width - 20, 60), (0, 0, 0, 0))
    ImageDraw.Draw(lid).ellipse((0, 0, lid.width - 1, 59), fill=(170, 174, 180, 255))
    _paste(canvas, lid, (500, 90))
    _paste(canvas, panel, (500, 520))


def _jar(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    tints: tuple[Colour, ...] = ((60, 120, 80), (110, 70, 35), (215, 228, 226))
    tint = tints[int(rng.integers(0, 3))]
    body = _shaded(_rounded((panel.width + 30, 740), 90, tint, 225), 0.5)
    _paste(canvas, body, (500, 600))
    _paste(canvas, _shaded(_rounded((230, 260), 50, tint, 225), 0.5), (500, 160))
    _paste(canvas, _shaded(_rounded((250, 60), 10, (190, 180, 120))), (500, 40))
    _paste(canvas, panel, (500, 600))


def _box(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    pen = ImageDraw.Draw(canvas)
    left, top = (SIDE - panel.width) // 2 - 30, (SIDE - panel.height) // 2 - 30
    right, bottom = SIDE - left, SIDE - top
    pen.polygon(
        [(left, top), (left + 70, top - 80), (right + 50, top - 80), (right, top)],
        fill=(190, 165, 125, 255),
    )
    pen.polygon(
        [(right, top), (right + 50, top - 80), (right + 50, bottom - 70), (right, bottom)],
        fill=(150, 125, 90, 255),
    )
    paper = panel.getpixel((3, 3))
    assert isinstance(paper, tuple)
    pen.rectangle((left, top, right, bottom), fill=(paper[0], paper[1], paper[2], 255))
    _paste(canvas, panel, (500, 500))


def _carton(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    pen = ImageDraw.Draw(canvas)
    left, right = (SIDE - panel.width) // 2 - 10, (SIDE + panel.width) // 2 + 10
    pen.polygon(
        [(left, 250), (left + 60, 90), (right - 60, 90), (right, 250)], fill=(235, 236, 238, 255)
    )
    pen.rectangle((left + 55, 50, right - 55, 95), fill=(215, 217, 220, 255))
    pen.rectangle((left, 250, right, 960), fill=(246, 246, 244, 255))
    pen.polygon(
        [(right, 250), (right + 90, 200), (right + 90, 900), (right, 960)],
        fill=(205, 206, 208, 255),
    )
    _paste(canvas, panel, (500, 590))


def _foam(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    grain = rng.normal(238, 6, (780 // 6, 860 // 6)).astype(np.float32)
    block = cv2.resize(grain, (860, 780), interpolation=cv2.INTER_NEAREST)
    sheet = Image.fromarray(np.clip(block, 0, 255).astype(np.uint8), "L").convert("RGBA")
    mask = _rounded((860, 780), 40, (255, 255, 255)).getchannel("A")
    sheet.putalpha(mask)
    _paste(canvas, sheet, (500, 500))
    _paste(canvas, panel, (500, 510))


def _garment(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    colour = rng.uniform(30, 190, 3)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    knit = np.sin(x * 0.9) * np.sin(y * 0.9 + np.sin(x * 0.02) * 3) * 10
    folds = np.sin(x * 0.008 + y * 0.004) * 18
    field = colour[None, None, :] + (knit + folds)[:, :, None]
    cloth = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8), "RGB").convert("RGBA")
    canvas.alpha_composite(cloth)
    stitched = Image.new("RGBA", (panel.width + 16, panel.height + 16), (225, 222, 214, 255))
    stitched.alpha_composite(panel, (8, 8))
    _paste(canvas, stitched, (500, 520))


def _lying_tube(canvas: Drawn, panel: Drawn, ends: Colour) -> None:
    """Something round lying on its side: shade runs from top to bottom."""
    body = Image.new("RGBA", (panel.width + 120, panel.height + 6), (*ends, 255))
    body.alpha_composite(panel, (60, 3))
    pixels = np.asarray(body).astype(np.float32)
    y = np.linspace(-1, 1, pixels.shape[0])
    pixels[:, :, :3] *= (1 - 0.4 * np.abs(y) ** 2.4)[:, None, None]
    _paste(canvas, Image.fromarray(pixels.astype(np.uint8), "RGBA"), (500, 500))


def _battery(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    _paste(canvas, _rounded((60, 110), 12, (190, 192, 196)), (500 + panel.width // 2 + 75, 500))
    _lying_tube(canvas, panel, (185, 150, 70))


def _lamp(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    _lying_tube(canvas, panel, (240, 240, 236))
    _paste(canvas, _rounded((60, 200), 10, (170, 172, 178)), (500 - panel.width // 2 - 80, 500))


def _plate(canvas: Drawn, panel: Drawn, rng: np.random.Generator) -> None:
    shell = _rounded((SIDE - 60, SIDE - 120), 50, (58, 60, 66))
    pen = ImageDraw.Draw(shell)
    for y in range(60, 150, 18):
        pen.rounded_rectangle((120, y, shell.width - 120, y + 7), 3, fill=(30, 31, 35, 255))
    _paste(canvas, shell, (500, 500))
    _paste(canvas, panel, (500, 560))


_PACKAGES: Final[dict[str, Callable[[Drawn, Drawn, np.random.Generator], None]]] = {
    "bottle": _bottle,
    "pot": _pot,
    "bag": _bag,
    "can": _can,
    "jar": _jar,
    "box": _box,
    "carton": _carton,
    "foam": _foam,
    "garment": _garment,
    "battery": _battery,
    "lamp": _lamp,
    "plate": _plate,
}


def photograph(package: str, panel: Drawn, rng: np.random.Generator) -> Pixels:
    """The panel on its package in front of a background: SIDE×SIDE pixels, BGR."""
    canvas = background(rng)
    _PACKAGES[package](canvas, _bend(panel, _BENT.get(package, 0.0)), rng)
    return cv2.cvtColor(np.asarray(canvas.convert("RGB")), cv2.COLOR_RGB2BGR).astype(np.uint8)

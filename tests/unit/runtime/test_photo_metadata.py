"""Photos lose what they tell about the photographer, and nothing of the picture."""

from __future__ import annotations

import contextlib
import functools
import io
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from services.runtime.photo_metadata import NotAPhotoError, strip

ORIENTATION = 0x0112


def picture(mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 255, (48, 64, len(mode)), dtype=np.uint8)
    return Image.fromarray(noise, mode)


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[ORIENTATION] = orientation
    data[0x010F] = "SecretCamera"  # maker
    data.get_ifd(0x8825)[2] = (37.0, 33.0, 59.0)  # GPS latitude
    return data.tobytes()


def saved(form: str, *, orientation: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    picture(mode).save(out, form, exif=exif(orientation), **options)
    return out.getvalue()


@functools.cache
def photos() -> list[Any]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SecretComment")
    return [
        pytest.param(saved("JPEG", comment=b"SecretComment", icc_profile=b"p" * 200), id="jpeg"),
        pytest.param(saved("JPEG", progressive=True), id="progressive-jpeg"),
        pytest.param(saved("PNG", pnginfo=text), id="png"),
        pytest.param(saved("PNG", mode="RGBA"), id="png-alpha"),
        pytest.param(saved("WEBP", xmp=b"<x>SecretXmp</x>"), id="webp"),
        pytest.param(saved("WEBP", mode="RGBA", lossless=True), id="webp-lossless"),
        pytest.param(saved("GIF", comment=b"SecretComment"), id="gif"),
    ]


@pytest.mark.parametrize("photo", photos())
def test_the_picture_stays_and_the_metadata_goes(photo: bytes) -> None:
    assert b"Secret" in photo
    stripped = strip(photo)
    assert b"Secret" not in stripped
    before, after = Image.open(io.BytesIO(photo)), Image.open(io.BytesIO(stripped))
    assert before.tobytes() == after.tobytes()
    assert not after.getexif()
    assert after.info.get("icc_profile") == before.info.get("icc_profile")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_the_orientation_survives_alone(form: str, orientation: int) -> None:
    stripped = strip(saved(form, orientation=orientation))
    assert b"Secret" not in stripped
    assert dict(Image.open(io.BytesIO(stripped)).getexif()) == {ORIENTATION: orientation}


@pytest.mark.parametrize("photo", photos())
def test_stripping_twice_changes_nothing(photo: bytes) -> None:
    assert strip(strip(photo)) == strip(photo)


@pytest.mark.parametrize("photo", photos())
def test_a_cut_off_file_is_refused_wherever_the_cut_is(photo: bytes) -> None:
    cuts = random.Random(1).sample(range(len(photo) - 2), min(60, len(photo) - 2))
    for cut in (*cuts, 0, 1, 2, 11, 12):
        with pytest.raises(NotAPhotoError):
            strip(photo[:cut])


@settings(max_examples=200)
@given(st.data())
def test_damage_never_leads_to_anything_but_a_photo_or_a_refusal(data: st.DataObject) -> None:
    photo = bytearray(data.draw(st.sampled_from([p.values[0] for p in photos()])))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, min(len(photo) - 1, 400)))
        photo[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NotAPhotoError):
        assert strip(bytes(photo))


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(NotAPhotoError):
        strip(data)

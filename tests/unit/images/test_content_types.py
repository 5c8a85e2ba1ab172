"""What an upload may declare itself to be."""

from __future__ import annotations

import pytest

from services.images.content_types import DEFAULT, objection


@pytest.mark.parametrize(
    "content_type",
    [DEFAULT, "image/jpeg", "image/heic", "image/x.a+b", "text/plain; charset=utf-8"],
)
def test_what_browsers_only_show_or_save_is_taken(content_type: str) -> None:
    assert objection(content_type) is None


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "application/pdf",
        "image/png; x, text/html",
        "multipart/x-mixed-replace",
        "unknown/unknown",
    ],
)
def test_what_browsers_run_is_refused(content_type: str) -> None:
    assert objection(content_type) == "must not be a type that browsers execute"


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png\r\nX: y",
        "image/\0png",
        " image/png",
        "그림/사진",
        "image",
        "image/*",
        "image/png, image/jpeg",
        "image/png\n",
    ],
)
def test_what_is_no_media_type_is_refused(content_type: str) -> None:
    assert objection(content_type) == "must be a media type"

"""Reading ``Retry-After``."""

from __future__ import annotations

import pytest

from services.runtime.retry_after import retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", 0.0),
        ("inf", float("inf")),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
    ],
)
def test_seconds_asked_for(header: str | None, expected: float | None) -> None:
    assert retry_after(header, NOW) == expected

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stops for a moment lets nothing through here."""
    monkeypatch.setattr("services.runtime.limits.CHECK_SECONDS", 10.0)

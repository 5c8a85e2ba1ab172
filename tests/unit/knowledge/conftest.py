from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streaming.knowledge import Knowledge, load
from streaming.knowledge.files import DATA


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the data folder that a test may break."""
    return shutil.copytree(DATA, tmp_path / "data")

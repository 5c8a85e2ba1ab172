from __future__ import annotations

import pytest

from services.info.recycling import Guide
from services.info.search import ItemSearch
from streaming.knowledge import Knowledge, load


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load()


@pytest.fixture(scope="session")
def guide(knowledge: Knowledge) -> Guide:
    return Guide(knowledge)


@pytest.fixture(scope="session")
def search(guide: Guide, knowledge: Knowledge) -> ItemSearch:
    return ItemSearch(guide, knowledge)

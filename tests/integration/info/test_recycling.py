"""The guide over the wire."""

from __future__ import annotations

from typing import Any

import pytest
from eco2.info.v1 import info_service_pb2 as pb

from tests.integration.backend import Refused
from tests.integration.info.conftest import CALLER, Info

pytestmark = pytest.mark.parts


async def found(info: Info, **fields: Any) -> list[str]:
    answer = await info.stub.SearchItems(pb.SearchItemsRequest(**fields), metadata=CALLER)
    return [item.id for item in answer.items]


async def test_categories_lead_to_items_and_items_to_what_to_do(info: Info) -> None:
    categories = (
        await info.stub.ListCategories(pb.ListCategoriesRequest(), metadata=CALLER)
    ).categories
    assert [category.id for category in categories][:3] == ["재활용폐기물", "종이", "종이팩"]
    paper = categories[1]
    assert (paper.name, paper.icon, paper.parent) == ("종이", "paper", "재활용폐기물")
    items = await found(info, category="종이", limit=50)
    assert len(items) == paper.item_count
    answer = await info.stub.GetItem(pb.GetItemRequest(item_id=items[0]), metadata=CALLER)
    assert answer.item.name == "골판지류"
    assert answer.item.disposal_steps
    assert answer.item.rule_document_id == "재활용폐기물_종이"
    assert answer.item.recyclable


async def test_search_is_best_first_and_forgives(info: Info) -> None:
    assert (await found(info, q="우유펙"))[0] == "종이팩.우유팩"
    assert len(await found(info, q="병", limit=3)) == 3
    assert len(await found(info)) == 20
    assert await found(info, q="🙂") == []
    assert await found(info, q="'; DROP TABLE news_articles; --") == []


@pytest.mark.parametrize("category", ["", "종이류", "paper", "🙂" * 100])
async def test_unknown_categories_are_refused(info: Info, category: str) -> None:
    async with Refused("INVALID_CATEGORY") as refusal:
        await found(info, category=category)
    assert "종이팩" in refusal.metadata["allowed"].split(",")
    async with Refused("INVALID_CATEGORY"):
        await info.stub.ListFaq(pb.ListFaqRequest(category=category), metadata=CALLER)


async def test_too_long_words_and_limits_are_refused(info: Info) -> None:
    for fields in ({"q": "가" * 101}, {"limit": 0}, {"limit": 51}):
        async with Refused("VALIDATION_FAILED"):
            await found(info, **fields)


@pytest.mark.parametrize("item", ["없음", "종이.", "종이.골판지류 ", "../etc/passwd", "🙂"])
async def test_unknown_items_are_not_found(info: Info, item: str) -> None:
    async with Refused("ITEM_NOT_FOUND") as refusal:
        await info.stub.GetItem(pb.GetItemRequest(item_id=item), metadata=CALLER)
    assert refusal.metadata == {"item_id": item}


async def test_unknown_regions_are_not_found(info: Info) -> None:
    for region in ("서울특별시 강남구", "🙂", "1"):
        async with Refused("REGION_NOT_FOUND") as refusal:
            await info.stub.GetRegionalRules(
                pb.GetRegionalRulesRequest(region=region), metadata=CALLER
            )
        assert refusal.metadata == {"region": region}
    async with Refused("VALIDATION_FAILED"):
        await info.stub.GetRegionalRules(pb.GetRegionalRulesRequest(region=""), metadata=CALLER)


async def test_questions_of_a_category(info: Info) -> None:
    everything = await info.stub.ListFaq(pb.ListFaqRequest(), metadata=CALLER)
    assert len(everything.entries) >= 40
    food = await info.stub.ListFaq(pb.ListFaqRequest(category="음식물류폐기물"), metadata=CALLER)
    assert {entry.category for entry in food.entries} == {"음식물류폐기물"}
    assert {entry.rule_document_id for entry in food.entries} == {"음식물류폐기물"}

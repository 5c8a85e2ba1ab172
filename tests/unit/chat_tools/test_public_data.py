"""The public data sets: boxes for small appliances, and the collection days of districts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.context import ProcessContext
from services.runtime.outbound import (
    OutboundError,
    OutboundInvalid,
    OutboundRefused,
    OutboundUnavailable,
)
from services.runtime.settings import RuntimeSettings
from streaming.chat.external import household_waste, keco, portal
from streaming.chat.external.household_waste import MOST_PAGES, PAGE_ROWS, HouseholdWaste
from streaming.chat.external.keco import Box, Keco
from streaming.chat.external.kma import Kma
from streaming.chat.external.policies import SERVICES
from streaming.chat.external.settings import ToolSettings
from streaming.chat.policies import policy_of
from streaming.chat.schedule import Times, Zone
from tests import recorded_portal as recorded
from tests.stranger import Handler, Stranger, always, flood, never
from tests.unit.chat_tools.conftest import Connecting
from tests.wait import until

BOX = {
    "순번": 1,
    "상호명": "어느 대리점",
    "수거종류": "폐휴대폰, 소형가전",
    "수거방법": "수거함",
    "수거장소(주소)": "서울특별시 강남구 어느로 1",
    "장소구분": "대리점",
    "수거비용": "무료",
}
ZONE = {
    "CTPV_NM": "서울특별시",
    "SGG_NM": "강남구",
    "MNG_ZONE_NM": "1구역",
    "MNG_ZONE_TRGT_RGN_NM": "역삼1동+논현동",
    "EMSN_PLC": "집 앞",
    "LF_WST_EMSN_DOW": "월+수+금",
    "LF_WST_EMSN_BGNG_TM": "20:00",
    "LF_WST_EMSN_END_TM": "24:00",
    "LF_WST_EMSN_MTHD": "종량제 봉투",
    "FOD_WST_EMSN_DOW": "화,목",
    "FOD_WST_EMSN_MTHD": "없음",
    "RCYCL_EMSN_DOW": "수",
    "RCYCL_EMSN_BGNG_TM": "20:00",
    "RCYCL_EMSN_END_TM": "",
    "TMPRY_BULK_WASTE_EMSN_MTHD": "인터넷 신청",
    "TMPRY_BULK_WASTE_EMSN_PLC": "집 앞",
    "UNCLLT_DAY": "토요일",
    "MNG_DEPT_NM": "청소과",
    "MNG_DEPT_TELNO": "02-000-0000",
}


async def test_boxes_are_searched_by_words_of_their_address(
    stranger: Stranger, connecting: Connecting
) -> None:
    stranger.answer = always(body=recorded.odcloud([BOX, {"상호명": "주소 없음"}, None]))
    async with connecting(Keco, "keco") as service:
        assert await service.boxes("강남구") == (
            Box(
                "어느 대리점",
                "서울특별시 강남구 어느로 1",
                ("폐휴대폰", "소형가전"),
                "대리점",
                "무료",
            ),
        )
    query = stranger.asked[0].query
    assert query["cond[수거장소(주소)::LIKE]"] == "강남구"
    assert (query["returnType"], query["page"], query["serviceKey"]) == ("JSON", "1", "hush")


@pytest.mark.parametrize("nested", [True, False])
async def test_zones_are_searched_by_the_name_of_their_district(
    stranger: Stranger, connecting: Connecting, nested: bool
) -> None:
    body = recorded.portal([ZONE, {}, 7])
    if not nested:
        told = json.loads(body)
        told["response"]["body"]["items"] = told["response"]["body"]["items"]["item"]
        body = json.dumps(told).encode()
    stranger.answer = always(body=body)
    async with connecting(HouseholdWaste, "household-waste") as service:
        assert await service.zones("강남구") == [
            Zone(
                province="서울특별시",
                district="강남구",
                name="1구역",
                covers=("역삼1동", "논현동"),
                place="집 앞",
                general=Times("월·수·금", "20:00~24:00", "종량제 봉투"),
                food=Times("화·목", "", ""),
                recycling=Times("수", "", ""),
                bulky="인터넷 신청, 집 앞",
                never="토요일",
                department="청소과",
                phone="02-000-0000",
            )
        ]
    query = stranger.asked[0].query
    assert (query["cond[SGG_NM::LIKE]"], query["returnType"]) == ("강남구", "json")


async def test_a_district_without_rows_has_no_zones(
    stranger: Stranger, connecting: Connecting
) -> None:
    async with connecting(HouseholdWaste, "household-waste") as service:
        for body in (recorded.NO_DATA, recorded.portal([]), recorded.portal("")):
            stranger.answer = always(body=body)
            assert await service.zones("강남구") == []


def zones_from(first: int, count: int = PAGE_ROWS) -> list[dict[str, Any]]:
    return [ZONE | {"MNG_ZONE_NM": f"{place}구역"} for place in range(first, first + count)]


def paged(pages: list[list[dict[str, Any]]], total: Any) -> Handler:
    """Pages as the data set sends them, and nothing after the last one."""

    async def answer(request: web.Request) -> web.Response:
        page = int(request.query["pageNo"])
        rows = pages[page - 1] if page <= len(pages) else []
        return web.Response(body=recorded.portal(rows, total=total))

    return answer


FULL = zones_from(0)
REST = zones_from(PAGE_ROWS, 7)


@pytest.mark.parametrize(
    ("answer", "zones", "pages"),
    [
        pytest.param(paged([REST], 7), 7, 1, id="one page"),
        pytest.param(paged([FULL, REST], 107), 107, 2, id="two pages"),
        pytest.param(paged([FULL], PAGE_ROWS), PAGE_ROWS, 2, id="a full page may not be the last"),
        pytest.param(paged([FULL, REST], 1), 107, 2, id="more than it says"),
        pytest.param(paged([FULL, REST], 100_000), 107, 3, id="fewer than it says"),
        pytest.param(paged([FULL, REST], "?"), 107, 2, id="it says nonsense"),
        pytest.param(paged([FULL, REST], None), 107, 2, id="it says nothing"),
        pytest.param(
            paged([zones_from(0, 10), zones_from(10, 10), zones_from(20, 5)], 25), 25, 3,
            id="pages smaller than asked for",
        ),
        pytest.param(paged([FULL] * 50, 5_000), PAGE_ROWS, 2, id="the same page for ever"),
        pytest.param(
            paged([zones_from(page * PAGE_ROWS) for page in range(50)], 5_000),
            MOST_PAGES * PAGE_ROWS, MOST_PAGES,
            id="pages without end",
        ),
    ],
)  # fmt: skip
async def test_further_pages_are_read_to_the_last_one_within_a_limit(
    stranger: Stranger, connecting: Connecting, answer: Handler, zones: int, pages: int
) -> None:
    stranger.answer = answer
    async with connecting(HouseholdWaste, "household-waste", cache_seconds=600.0) as service:
        found = await service.zones("강남구")
        assert [request.query["pageNo"] for request in stranger.asked] == [
            str(page) for page in range(1, pages + 1)
        ]
        assert len({zone.name for zone in found}) == len(found) == zones
        assert await service.zones("강남구") == found
        assert len(stranger.asked) == pages, "kept, page by page"


@pytest.mark.parametrize("fails", [always(500), always(body=recorded.QUOTA_USED_UP), never])
async def test_a_further_page_that_fails_is_left_out_and_asked_for_again(
    stranger: Stranger,
    connecting: Connecting,
    monkeypatch: pytest.MonkeyPatch,
    fails: Handler,
) -> None:
    whole = paged([FULL, REST], 107)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (whole if request.query["pageNo"] == "1" else fails)(request)

    stranger.answer = answer
    rules = {"cache_seconds": 600.0, "breaker_failures": 0}
    async with connecting(HouseholdWaste, "household-waste", **rules) as service:
        with monkeypatch.context() as patch:
            if fails is never:
                patch.setattr(household_waste, "MORE_SECONDS", 0.2)
            assert len(await service.zones("강남구")) == PAGE_ROWS
        stranger.answer = whole
        assert len(await service.zones("강남구")) == 107
    assert [request.query["pageNo"] for request in stranger.asked].count("1") == 1


def test_all_pages_fit_into_one_try_of_the_branches_that_ask() -> None:
    policy = SERVICES["household-waste"]
    first = policy.attempts * policy.timeout_seconds + policy.backoff_seconds
    for branch in ("collection_point", "bulk_waste"):
        assert first + household_waste.MORE_SECONDS < policy_of(branch).timeout_seconds


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (always(500), OutboundUnavailable),
        (never, OutboundUnavailable),
        (flood, OutboundInvalid),
        (always(body=recorded.KEY_UNKNOWN), OutboundError),
        (always(body=b"<html>"), OutboundUnavailable),
        (always(401, body=b'{"code":-4,"msg":"hush"}'), OutboundRefused),
        (always(body=b'{"code":-4,"msg":"hush"}'), OutboundError),
        (always(body=b"[]"), OutboundError),
        (always(body=b'{"data":"?","response":{}}'), OutboundError),
        (always(body=b"NaN"), OutboundError),
    ],
)
async def test_failures_are_told_and_name_no_key(
    stranger: Stranger, connecting: Connecting, answer: Handler, error: type[Exception]
) -> None:
    stranger.answer = answer
    rules = {"timeout_seconds": 0.2} if answer is never else {}
    async with connecting(Keco, "keco", **rules) as boxes:
        with pytest.raises(error) as caught:
            await boxes.boxes("강남구")
    assert "hush" not in str(caught.value)
    async with connecting(HouseholdWaste, "household-waste", **rules) as zones:
        with pytest.raises(OutboundError) as caught:
            await zones.zones("강남구")
    assert "hush" not in str(caught.value)


async def test_a_data_set_that_keeps_failing_is_left_alone(
    stranger: Stranger, connecting: Connecting
) -> None:
    stranger.answer = always(body=recorded.TIMED_OUT)
    rules = {"attempts": 1, "breaker_failures": 2, "breaker_open_seconds": 600.0}
    async with connecting(HouseholdWaste, "household-waste", **rules) as service:
        for _ in range(2):
            with pytest.raises(OutboundUnavailable, match="result 5"):
                await service.zones("강남구")
        with pytest.raises(OutboundUnavailable, match="left alone"):
            await service.zones("강남구")
    assert len(stranger.asked) == 2


async def test_a_data_set_that_was_left_alone_is_tried_again(
    stranger: Stranger, connecting: Connecting
) -> None:
    stranger.answer = always(body=recorded.TIMED_OUT)
    rules = {"attempts": 1, "breaker_failures": 1, "breaker_open_seconds": 0.05}
    async with connecting(HouseholdWaste, "household-waste", **rules) as service:
        with pytest.raises(OutboundUnavailable):
            await service.zones("강남구")
        stranger.answer = always(body=recorded.portal([ZONE]))

        async def back() -> bool:
            try:
                return bool(await service.zones("강남구"))
            except OutboundUnavailable:
                return False

        await until(back, within_seconds=10)


async def test_without_a_key_there_is_no_adapter() -> None:
    context = ProcessContext(RuntimeSettings())
    settings = ToolSettings.model_validate({"data_portal_key": ""})
    try:
        for adapter, name in ((Keco, "keco"), (HouseholdWaste, "household-waste"), (Kma, "kma")):
            assert await portal.connect(context, settings, adapter, SERVICES[name]) is None
    finally:
        await context.close()


VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from([*BOX, *ZONE]), VALUES))
def test_whatever_a_row_holds_reading_it_never_fails(row: dict[str, Any]) -> None:
    keco.read(row)
    household_waste.read(row)

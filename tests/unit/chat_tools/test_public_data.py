"""The public data sets: boxes for small appliances, and the collection days of districts."""

from __future__ import annotations

import json
from typing import Any

import pytest
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
from streaming.chat.external import household_waste, keco
from streaming.chat.external.keco import Box
from streaming.chat.external.settings import ToolSettings
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
    async with connecting(keco.connect, "keco") as service:
        assert await service.boxes("강남구") == [
            Box(
                "어느 대리점",
                "서울특별시 강남구 어느로 1",
                ("폐휴대폰", "소형가전"),
                "대리점",
                "무료",
            )
        ]
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
    async with connecting(household_waste.connect, "household-waste") as service:
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
    async with connecting(household_waste.connect, "household-waste") as service:
        for body in (recorded.NO_DATA, recorded.portal([]), recorded.portal("")):
            stranger.answer = always(body=body)
            assert await service.zones("강남구") == []


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
    async with connecting(keco.connect, "keco", **rules) as boxes:
        with pytest.raises(error) as caught:
            await boxes.boxes("강남구")
    assert "hush" not in str(caught.value)
    async with connecting(household_waste.connect, "household-waste", **rules) as zones:
        with pytest.raises(OutboundError) as caught:
            await zones.zones("강남구")
    assert "hush" not in str(caught.value)


async def test_a_data_set_that_keeps_failing_is_left_alone(
    stranger: Stranger, connecting: Connecting
) -> None:
    stranger.answer = always(body=recorded.TIMED_OUT)
    rules = {"attempts": 1, "breaker_failures": 2, "breaker_open_seconds": 600.0}
    async with connecting(household_waste.connect, "household-waste", **rules) as service:
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
    async with connecting(household_waste.connect, "household-waste", **rules) as service:
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
        assert await keco.connect(context, settings) is None
        assert await household_waste.connect(context, settings) is None
    finally:
        await context.close()


VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from([*BOX, *ZONE]), VALUES))
def test_whatever_a_row_holds_reading_it_never_fails(row: dict[str, Any]) -> None:
    keco.read(row)
    household_waste.read(row)

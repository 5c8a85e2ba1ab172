"""The four categories of ``GET /api/v1/scan/categories`` and how each is thrown out.

They are an overview for people, coarser than the taxonomy the pipeline works with.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Category(NamedTuple):
    """One row of the list."""

    id: int
    name: str
    display_name: str
    instructions: tuple[str, ...]


CATEGORIES: Final = (
    Category(
        1,
        "recyclable",
        "재활용폐기물",
        (
            "내용물을 비우고 물로 헹궈 주세요.",
            "라벨, 뚜껑처럼 재질이 다른 부분은 떼어 주세요.",
            "종이, 무색페트병, 플라스틱, 비닐, 유리병, 캔 등 품목별로 나누어 배출해 주세요.",
        ),
    ),
    Category(
        2,
        "general",
        "일반폐기물",
        (
            "재활용할 수 있는 것은 먼저 골라내 주세요.",
            "나머지는 종량제봉투에 담아 배출해 주세요.",
            "깨진 유리나 도자기는 불연성폐기물 전용 봉투를 이용해 주세요.",
        ),
    ),
    Category(
        3,
        "food",
        "음식물폐기물",
        (
            "물기를 최대한 빼 주세요.",
            "뼈, 조개껍데기, 씨앗, 티백처럼 동물이 먹을 수 없는 것은 종량제봉투에 버려 주세요.",
            "음식물 전용 봉투나 수거함에 배출해 주세요.",
        ),
    ),
    Category(
        4,
        "bulky",
        "대형폐기물",
        (
            "주민센터나 누리집에서 신고하고 수수료 스티커를 붙여 주세요.",
            "정해진 날짜와 장소에 내놓아 주세요.",
            "가전제품은 무상 방문수거(1599-0903)를 이용할 수 있어요.",
        ),
    ),
)

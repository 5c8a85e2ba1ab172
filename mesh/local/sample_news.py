"""Made-up news for the local run, so that the news screen shows something without any key.

No article stands for a real one: titles and the publisher say so, and the addresses lie under
``example.com``, which is reserved for examples (RFC 2606).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from eco2.info.v1 import news_pb2

MARK: Final = "[샘플]"
"""Begins the title of every made-up article."""
PUBLISHER: Final = "샘플 신문"

_TEXTS: Final = (
    ("environment", "우리 동네 분리배출 요일 알아보기", ("분리배출", "재활용")),
    ("energy", "아파트 베란다 태양광, 한 달을 써 보니", ("태양광", "에너지")),
    ("ai", "사진 한 장으로 쓰레기를 나누는 인공지능", ("인공지능", "분류")),
    ("environment", "투명 페트병은 라벨을 떼고 따로", ("페트병", "분리배출")),
    ("ai", "선별장에 들어온 로봇 팔", ("AI", "자동화")),
    ("energy", "다 쓴 배터리가 다시 배터리가 되기까지", ("배터리", "재활용")),
    ("environment", "커피 찌꺼기는 어디에 버릴까", ("음식물", "종량제")),
    ("energy", "바람이 좋은 날의 전기", ("풍력", "신재생")),
    ("environment", "이사철 대형폐기물, 이렇게 내놓아요", ("대형폐기물",)),
    ("ai", "챗봇에게 물어본 분리수거", ("챗봇", "AI")),
    ("environment", "종이팩은 종이와 다릅니다", ("종이팩", "재활용")),
    ("energy", "수소 버스가 다니는 길", ("수소", "탄소중립")),
    ("environment", "약은 약국으로, 건전지는 수거함으로", ("유해폐기물",)),
    ("ai", "재활용품 값을 내다보는 머신러닝", ("머신러닝",)),
    ("environment", "장바구니로 줄인 비닐봉투", ("비닐", "환경")),
)
REMARK: Final = "견본 데이터입니다. 실제 기사가 아니에요."
APART: Final = timedelta(hours=5)


def articles(now: datetime) -> list[news_pb2.CollectedArticle]:
    """The articles as a collector would bring them, the newest published an hour before `now`.

    Their ids and addresses are always the same, and the info service keeps the times it first saw.
    """
    made = []
    for number, (category, title, keywords) in enumerate(_TEXTS):
        article = news_pb2.CollectedArticle(
            id=f"rss_sample{number:06}",
            url=f"https://example.com/eco2-samples/{number}",
            title=f"{MARK} {title}",
            snippet=f"{REMARK} {title}.",
            source="rss",
            source_name=PUBLISHER,
            category=category,
            keywords=keywords,
        )
        article.published_at.FromDatetime(now - timedelta(hours=1) - APART * number)
        made.append(article)
    return made

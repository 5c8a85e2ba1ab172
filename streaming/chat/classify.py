"""What a message is about, by transparent rules: the classifier that needs no model.

Asked when no model is there, and when a model answers nonsense or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from streaming.chat.intent import Classified, Intent
from streaming.chat.turn import Past

_HINTS: Final[Mapping[Intent, tuple[str, ...]]] = {
    Intent.BULK_WASTE: ("대형폐기물", "소파", "냉장고", "세탁기", "매트리스", "침대", "수수료"),
    Intent.RECYCLABLE_PRICE: ("시세", "가격", "고철", "폐지", "매입"),
    Intent.COLLECTION_POINT: ("수거함", "의류수거", "폐건전지", "폐형광등"),
    Intent.IMAGE_GENERATION: ("그림", "그려", "이미지", "인포그래픽"),
    Intent.WEATHER: ("날씨", "비 와", "기온", "눈 와"),
    Intent.CHARACTER: ("캐릭터", "컬렉션"),
    Intent.LOCATION: ("어디", "근처", "가까", "위치", "제로웨이스트"),
    Intent.WEB_SEARCH: ("검색", "찾아봐", "뉴스", "최신"),
    Intent.WASTE: ("버려", "버리", "분리", "재활용", "쓰레기", "폐기", "배출"),
}


def classify(
    message: str, *, history: Sequence[Past] = (), has_picture: bool = False
) -> Classified:
    """The intent of one question (a compound message has been split before). Pure.

    Never raises; an empty message with a picture is about waste, anything unknown is ``general``.
    """
    for intent, words in _HINTS.items():
        if any(word in message for word in words):
            return Classified(text=message, intent=intent, confidence=0.8, reasoning="keyword")
    if has_picture:
        return Classified(text=message, intent=Intent.WASTE, confidence=0.9, reasoning="picture")
    return Classified(text=message, intent=Intent.GENERAL, confidence=0.5, reasoning="none")

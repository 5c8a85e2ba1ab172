from __future__ import annotations

import pytest

from streaming.model.offline.evidence import Evidence, Verdict
from streaming.model.offline.lexicon import load
from streaming.model.offline.match import hits, lines
from streaming.model.offline.tesseract import Word, parse


def words(*rows: str, confidence: float = 0.95) -> list[Word]:
    out: list[Word] = []
    for number, row in enumerate(rows):
        left = 10
        for text in row.split():
            width = 30 * len(text)
            out.append(Word(text, confidence, left, 100 * number, width, 32, (number, 1, 1)))
            left += width + 10
    return out


def verdict(*rows: str, confidence: float = 0.95) -> Verdict:
    evidence = Evidence()
    evidence.add(hits(lines(words(*rows, confidence=confidence)), load()))
    return evidence.verdict()


@pytest.mark.parametrize(
    ("rows", "middle", "minor"),
    [
        (["무색페트"], "무색페트병", None),
        (["무섹 페트"], "무색페트병", None),
        (["투명페트", "먹는샘물"], "무색페트병", "먹는샘물PET병"),
        (["플라스틱", "PP"], "플라스틱류", "PP용기"),
        (["플라스틱", "HDPE"], "플라스틱류", "PE용기"),
        (["비닐류", "OTHER"], "비닐류", None),
        (["캔류", "알미늄"], "금속류", "알루미늄캔"),
        (["캔류", "철"], "금속류", "철캔"),
        (["유리", "소주"], "유리병", "소주병"),
        (["종이"], "종이", None),
        (["종이팩", "멸균팩", "두유"], "종이팩", "두유팩"),
        (["종이맥", "일반팩"], "종이팩", None),
        (["플라스틱", "PSP", "발포폴리스티렌"], "발포합성수지", "스티로폼식품용기"),
        (["면 100%", "드라이클리닝"], "의류및원단", None),
        (["알카라인 건전지"], "전지", "알칼리망간전지"),
        (["LED 전구", "주광색"], "조명제품", "LED전구형"),
        (["정격전압 220V", "선풍기"], "전기전자제품", "선풍기"),
    ],
)
def test_marks_tell_the_class(rows: list[str], middle: str, minor: str | None) -> None:
    told = verdict(*rows)
    assert (told.middle, told.minor) == (middle, minor)


@pytest.mark.parametrize(
    "rows",
    [
        ["냉장보관 하세요"],
        ["고객만족센터 1588-0000", "제조번호 별도 표기"],
        ["우유 함유", "내용량 500g"],
        ["종이접기"],
        ["뚜껑 : 플라스틱"],
        ["전자레인지 2분"],
        ["플라스틱", "유리"],
        [],
    ],
)
def test_print_that_tells_nothing_names_no_class(rows: list[str]) -> None:
    assert verdict(*rows).middle is None


def test_a_label_of_film_does_not_make_the_bottle_film() -> None:
    assert verdict("무색페트", "라벨 : 비닐류").middle == "무색페트병"


def test_what_tesseract_hardly_believes_counts_for_less() -> None:
    sure, unsure = verdict("유리", confidence=0.99), verdict("유리", confidence=0.2)
    assert sure.decisive
    assert unsure.score < sure.score
    assert not unsure.decisive


def test_a_second_view_adds_but_never_counts_twice() -> None:
    evidence = Evidence()
    view = hits(lines(words("종이", confidence=0.5)), load())
    scores = []
    for _ in range(20):
        evidence.add(view)
        scores.append(evidence.verdict().score)
    assert scores == sorted(scores)
    assert scores[1] > scores[0]
    assert scores[-1] <= 3.05 + 1e-9


def test_pieces_of_a_word_side_by_side_become_one_line() -> None:
    pieces = [
        Word("페트", 0.9, 80, 0, 60, 30, (2, 1, 1)),
        Word("무색", 0.9, 10, 2, 60, 30, (1, 1, 1)),
        Word("용량", 0.9, 10, 200, 60, 30, (3, 1, 1)),
    ]
    assert sorted(line.text for line in lines(pieces)) == ["무색 페트", "용량"]


def test_tsv_rows_that_are_no_words_are_left_out() -> None:
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf"
    tsv = (
        f"{head}\ttext\n"
        "4\t1\t1\t1\t1\t0\t1\t2\t3\t4\t-1\t\n"
        "5\t1\t1\t1\t1\t1\t5\t6\t7\t8\t91.5\t유리\n"
        "5\t1\t1\t1\t1\t2\t5\t6\t7\t8\t95\t \n"
        "5\t1\t1\n"
    )
    assert parse(tsv) == (Word("유리", 0.915, 5, 6, 7, 8, (1, 1, 1)),)

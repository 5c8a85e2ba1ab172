"""Municipal rules: what was written down, and nothing made up."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from services.info.regions import Regions
from streaming.knowledge import Knowledge, load
from streaming.knowledge.files import DATA
from tests.unit.knowledge.test_municipalities import FOAM, LOCAL


def test_no_municipality_is_known_without_a_source(knowledge: Knowledge) -> None:
    assert Regions(knowledge).find("서울특별시 강남구") is None
    assert Regions(knowledge).find("") is None


def test_differences_are_told_as_sentences(tmp_path: Path) -> None:
    folder = shutil.copytree(DATA, tmp_path / "data")
    path = folder / "municipalities" / "dara.yaml"
    path.write_text(yaml.safe_dump(LOCAL, allow_unicode=True), encoding="utf-8")
    regions = Regions(load(folder))
    for label in ("99110", "가나도 다라시", "다라시", " 가나도다라시 "):
        local = regions.find(label)
        assert local is not None
        assert local.name == "가나도 다라시"
    local = regions.find("다라시")
    assert local is not None
    foam, glass = regions.differences(local)
    assert (foam.document_id, foam.title) == (FOAM, "발포합성수지(스티로폼 등)")
    assert foam.sentences == (
        "색이 있는 스티로폼은 받지 않아요.",
        "발포합성수지(스티로폼 등)에서 받지 않아요: 색 스티로폼 (일반종량제폐기물)",
    )
    assert glass.sentences == (
        "기본 배출방법을 대신해요: 유리병은 목요일에만 내놓아 주세요.",
        "빈용기보증금대상 유리병: 돌려주기",
        "전국 기준의 '깨진 유리병' 안내는 적용하지 않아요.",
        "유리병에서 받아요: 도자기",
    )

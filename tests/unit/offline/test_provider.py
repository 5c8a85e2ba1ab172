"""The provider end to end: drawn photos through the real tesseract."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from streaming.knowledge import Knowledge
from streaming.knowledge import load as load_knowledge
from streaming.model.offline import OfflineOptions, OfflineProvider
from streaming.model.provider import (
    Image,
    ModelProvider,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    Vision,
)
from tests.bench.offline_vision.generator import Plan, draw, middles

SEED = 20_240_601
PATIENT = OfflineOptions(budget_seconds=90, run_seconds=60, patience_seconds=300)
"""Other tests keep the machine busy; what is claimed here is what is read, not how fast."""


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="module")
def provider(knowledge: Knowledge) -> OfflineProvider:
    return OfflineProvider(knowledge, PATIENT)


def photo(middle: str, *, kind: str = "clean", number: int = 0, item: int = 0) -> Image:
    plan = Plan(split="tune", kind=kind, middle=middle, item=item, number=number, seed=SEED)
    return Image(url="https://images.example/p.jpg", data=draw(plan).jpeg)


def blank(side: int = 300) -> Image:
    stored, data = cv2.imencode(".png", np.full((side, side), 200, np.uint8))
    assert stored
    return Image(url="", data=data.tobytes(), content_type="image/png")


def test_it_is_a_model_provider(provider: OfflineProvider) -> None:
    assert isinstance(provider, ModelProvider)
    assert provider.name == "offline"


@pytest.mark.parametrize("middle", middles())
async def test_a_clear_photo_of_every_class_is_read(
    provider: OfflineProvider, knowledge: Knowledge, middle: str
) -> None:
    vision = await provider.vision(photo(middle), "")
    assert (vision.major, vision.middle) == ("재활용폐기물", middle)
    assert vision.confidence is not None
    assert vision.confidence > 0.8
    answer = await provider.answer(vision, knowledge.rule_for(vision.major, vision.middle), "")
    assert answer.disposal_steps
    assert answer.insufficiencies == ()
    assert answer.disposal_steps[0] in answer.user_answer


@pytest.mark.parametrize("kind", ["rotation", "perspective", "noise", "low_contrast"])
async def test_a_damaged_photo_is_read(provider: OfflineProvider, kind: str) -> None:
    vision = await provider.vision(photo("비닐류", kind=kind, number=1), "")
    assert vision.middle == "비닐류"


async def test_a_photo_without_print_stays_unclassified_and_asks(
    provider: OfflineProvider,
) -> None:
    vision = await provider.vision(blank(), "이거 어떻게 버려요?")
    assert (vision.major, vision.middle, vision.minor) == ("미분류", "미분류", None)
    assert "미분류_전체" in vision.situation_tags
    answer = await provider.answer(vision, None, "")
    assert answer.disposal_steps == ()
    assert len(answer.insufficiencies) == 1
    assert "다시 찍거나" in answer.insufficiencies[0]


async def test_print_that_tells_nothing_stays_unclassified(provider: OfflineProvider) -> None:
    vision = await provider.vision(photo("미분류", number=1, item=1), "")
    assert vision.major == "미분류"


async def test_words_tell_what_the_photo_does_not(
    provider: OfflineProvider, knowledge: Knowledge
) -> None:
    vision = await provider.vision(blank(), "우유팩이에요")
    assert (vision.middle, vision.minor) == ("종이팩", "우유팩")
    assert "종이_재질" in vision.situation_tags
    answer = await provider.answer(
        vision, knowledge.rule_for(vision.major, vision.middle), "우유팩이에요"
    )
    assert answer.disposal_steps


async def test_words_name_the_item_of_the_class_that_was_read(provider: OfflineProvider) -> None:
    vision = await provider.vision(photo("종이"), "신문지인데요")
    assert (vision.middle, vision.minor) == ("종이", "신문지")


async def test_words_win_over_the_photo_but_with_less_confidence(
    provider: OfflineProvider,
) -> None:
    vision = await provider.vision(photo("종이"), "건전지예요")
    assert vision.middle == "전지"
    assert vision.confidence is not None
    assert vision.confidence < 0.6


async def test_what_is_said_of_a_label_is_a_state_and_not_the_item(
    provider: OfflineProvider, knowledge: Knowledge
) -> None:
    question = "라벨을 아직 안 뗐어요"
    vision = await provider.vision(photo("무색페트병"), question)
    assert vision.middle == "무색페트병"
    assert "비닐_라벨_부착" in vision.situation_tags
    rule = knowledge.rule_for(vision.major, vision.middle)
    answer = await provider.answer(vision, rule, question)
    assert len(answer.insufficiencies) == 1
    assert "라벨" in answer.insufficiencies[0]


async def test_a_thing_its_stream_refuses_is_sent_elsewhere(
    provider: OfflineProvider, knowledge: Knowledge
) -> None:
    vision = await provider.vision(blank(), "생선뼈 어떻게 버려요")
    answer = await provider.answer(vision, knowledge.rule_for(vision.major, vision.middle), "")
    assert "일반종량제폐기물" in answer.disposal_steps[0]


async def test_a_class_without_rules_gets_an_apology(provider: OfflineProvider) -> None:
    vision = Vision(major="재활용폐기물", middle="종이", minor=None, model="m", prompt_version="1")
    answer = await provider.answer(vision, None, "")
    assert answer.disposal_steps == ()
    assert answer.insufficiencies


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image at all", b"\xff\xd8\xff" + b"\0" * 100, b"\x89PNG\r\n\x1a\n", b"GIF89a"],
)
async def test_what_is_no_picture_is_rejected(provider: OfflineProvider, data: bytes) -> None:
    with pytest.raises(ModelRejected):
        await provider.vision(Image(url="", data=data), "우유팩")


async def test_a_picture_cut_short_is_rejected_or_read_but_never_an_unknown_error(
    provider: OfflineProvider,
) -> None:
    whole = photo("종이").data
    assert whole is not None
    try:
        await provider.vision(Image(url="", data=whole[: len(whole) // 3]), "")
    except ModelRejected:
        return


async def test_a_picture_too_large_is_rejected_before_it_is_unpacked(
    provider: OfflineProvider,
) -> None:
    data = bytearray(blank(64).data or b"")
    data[16:24] = (30_000).to_bytes(4, "big") * 2  # width and height in the PNG header
    with pytest.raises(ModelRejected):
        await provider.vision(Image(url="", data=bytes(data)), "")


async def test_a_photo_without_bytes_is_rejected(provider: OfflineProvider) -> None:
    with pytest.raises(ModelRejected, match="bytes"):
        await provider.vision(Image(url="https://images.example/p.jpg"), "")


async def test_missing_tesseract_says_what_to_install(knowledge: Knowledge) -> None:
    provider = OfflineProvider(knowledge, OfflineOptions(binary="no-such-tesseract"))
    with pytest.raises(ModelUnavailable, match="apt-get install tesseract-ocr"):
        await provider.check()
    with pytest.raises(ModelUnavailable, match="apt-get install tesseract-ocr"):
        await provider.vision(photo("종이"), "")


def script(folder: Path, body: str) -> str:
    path = folder / "tesseract"
    code = folder / "tesseract.py"
    code.write_text(body, "utf-8")
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{code}" "$@"\n', "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_missing_trained_data_is_named(knowledge: Knowledge, tmp_path: Path) -> None:
    binary = script(tmp_path, "print('List of available languages (1):\\neng')")
    provider = OfflineProvider(knowledge, OfflineOptions(binary=binary))
    with pytest.raises(ModelUnavailable, match="no trained data for kor"):
        await provider.check()


async def test_a_crashing_tesseract_is_unavailable(knowledge: Knowledge, tmp_path: Path) -> None:
    binary = script(tmp_path, "import sys; sys.exit('out of memory')")
    provider = OfflineProvider(knowledge, OfflineOptions(binary=binary))
    with pytest.raises(ModelUnavailable, match="out of memory"):
        await provider.vision(photo("종이"), "")


async def test_a_hanging_tesseract_times_out_and_is_ended(
    knowledge: Knowledge, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    binary = script(
        tmp_path,
        f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)",
    )
    options = OfflineOptions(binary=binary, patience_seconds=2.0)
    provider = OfflineProvider(knowledge, options)
    with pytest.raises(ModelTimeout):
        await provider.vision(photo("종이"), "")
    assert not psutil.pid_exists(int(await asyncio.to_thread(mark.read_text)))


READ = "\n5\t1\t1\t1\t1\t1\t10\t10\t200\t60\t96\t종이팩\n"
"""What tesseract prints about one word: a heading, and its line."""


async def test_a_tesseract_that_gets_no_cpu_is_waited_for(
    knowledge: Knowledge, tmp_path: Path
) -> None:
    """As on a busy machine: a run lasts longer than the budget, and little of that is work."""
    binary = script(
        tmp_path, f"import sys, time; sys.stdin.buffer.read(); time.sleep(2.5); print({READ!r})"
    )
    options = OfflineOptions(binary=binary, budget_seconds=2.0, run_seconds=2.0)
    reading = await OfflineProvider(knowledge, options).read(photo("종이팩"))
    assert "종이팩" in reading.terms


async def test_a_tesseract_that_never_gets_done_is_ended(
    knowledge: Knowledge, tmp_path: Path
) -> None:
    binary = script(tmp_path, "import sys; sys.stdin.buffer.read()\nwhile True: pass")
    options = OfflineOptions(
        binary=binary, budget_seconds=1.0, run_seconds=1.0, patience_seconds=300.0
    )
    with pytest.raises(ModelTimeout, match="used up 1 s of CPU"):
        await OfflineProvider(knowledge, options).vision(photo("종이팩"), "")


async def test_the_loop_stays_free_while_a_photo_is_read(provider: OfflineProvider) -> None:
    reading = asyncio.create_task(provider.vision(photo("금속류"), ""))
    longest, last = 0.0, asyncio.get_running_loop().time()
    while not reading.done():
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        longest, last = max(longest, now - last), now
        await asyncio.sleep(0.005)
        last = asyncio.get_running_loop().time()
    assert (await reading).middle == "금속류"
    assert longest < 0.5


def test_importing_the_provider_loads_no_image_library() -> None:
    heavy = ["cv2", "numpy", "PIL"]
    check = (
        "import sys, streaming.model.offline as _; "
        f"sys.exit(any(name in sys.modules for name in {heavy}))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streaming.knowledge import Knowledge, KnowledgeError, load
from streaming.knowledge.files import read

PAPER = "rules/재활용폐기물_종이.yaml"


def replace(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems_of(folder: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(KnowledgeError) as caught:
        Knowledge(read(folder))
    return [(problem.file, problem.field, str(problem)) for problem in caught.value.problems]


def test_loading_is_done_once(knowledge: Knowledge) -> None:
    assert load() is knowledge


def test_the_models_are_frozen(knowledge: Knowledge) -> None:
    document = knowledge.documents["재활용폐기물_종이"]
    with pytest.raises(ValueError, match="frozen"):
        document.title = "다른 이름"


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "says"),
    [
        (PAPER, "title: 종이", "titel: 종이", "title", "Field required"),
        (PAPER, "title: 종이", "title: 종이\ncolour: red", "colour", "fields: "),
        (PAPER, "title: 종이", "title: 42", "title", "quotation marks"),
        (PAPER, "title: 종이", "title: ' 종이'", "title", "no space"),
        (PAPER, "id: 재활용폐기물_종이", "id: 재활용폐기물_종이류", "id", "no class"),
        (PAPER, "key: 종이", "key: 종이류", "key", "must be '종이'"),
        (PAPER, "category: 재활용폐기물", "category: 대형폐기물", "category", "must be"),
        (PAPER, "minors: [종이컵]", "minors: [유리컵]", "cases.2.minors", "유리컵"),
        (PAPER, "tags: [펼침_필요]", "tags: [접힘_필요]", "lacks.1.tags", "tags.yaml"),
        (
            PAPER,
            "goes_to: [일반종량제폐기물]",
            "goes_to: [일반]",
            "not_accepted.0.goes_to",
            "'일반'",
        ),
        (
            PAPER,
            "goes_to: [일반종량제폐기물]",
            "goes_to: [재활용폐기물_종이]",
            "not_accepted.0.goes_to",
            "leads back",
        ),
        (PAPER, "goes_to: [일반종량제폐기물], ", "", "not_accepted.0", "goes_to or guidance"),
        (PAPER, "source: moe", "source: nobody", "source", "sources.yaml"),
        (PAPER, "effective_date: null", "effective_date: soon", "effective_date", "date"),
        (PAPER, "effective_date_note:", "effective_date_not:", "effective_date_not", "fields: "),
        (PAPER, "title: 종이", "title: 종이\ntitle: 다른것", "line 5", "stands twice"),
        (PAPER, "targets: [", "targets: [[", "line", "not valid YAML"),
        ("tags.yaml", "내용물_있음, ", "내용물_있음, 내용물_있음, ", "groups", "stands twice"),
        ("tags.yaml", "[미분류_소분류, ", "[", "unclassified.minor_tag", "tags.yaml"),
        ("taxonomy.yaml", '"골판지류"', '"신문지"', "majors.0 종이.minors", "stands twice"),
        (
            "taxonomy.yaml",
            '["1회용", "일회용"]',
            '["회용", "일회용"]',
            "folds",
            "needs a character",
        ),
        ("prompts/answer.md", "{{rule}}", "", "variables", "'rule'"),
        ("prompts/answer.md", "규칙\n1.", "규칙 {{question}}\n1.", "system", "may not stand"),
        ("prompts/answer.md", "# user\n", "", "", "not a prompt file"),
        ("prompts/answer.md", "name: answer", "name: reply", "name", "no prompt named 'answer'"),
        ("prompts/vision.md", 'version: "1.0.0"', 'version: "1"', "version", "pattern"),
        ("sources.yaml", "publisher:", "by:", "sources.moe-separation-guide.publisher", "required"),
    ],
)
def test_a_mistake_is_named_with_file_and_field(
    folder: Path, file: str, old: str, new: str, field: str, says: str
) -> None:
    replace(folder, file, old, new)
    found = problems_of(folder)
    where = {"tags.yaml": {"tags.yaml", "taxonomy.yaml"}}.get(file, {file})
    assert any(
        at in where and inside.startswith(field) and says in text for at, inside, text in found
    ), found


@pytest.mark.parametrize(
    "file", ["taxonomy.yaml", "tags.yaml", "sources.yaml", "prompts/vision.md", PAPER]
)
@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda path: path.write_text(""),
        lambda path: path.write_bytes(b"\xff\xfe\xff"),
        lambda path: path.write_text("- just\n- a list\n"),
    ],
    ids=["missing", "empty", "not text", "another shape"],
)
def test_an_unusable_file_is_named(
    folder: Path, file: str, spoil: Callable[[Path], object]
) -> None:
    spoil(folder / file)
    assert file in {at for at, _, _ in problems_of(folder)}


def test_all_mistakes_are_reported_at_once(folder: Path) -> None:
    replace(folder, PAPER, "key: 종이", "key: 책")
    replace(folder, "rules/대형폐기물.yaml", "title: 대형폐기물", "name: 대형폐기물")
    files = {at for at, _, _ in problems_of(folder)}
    assert files == {PAPER, "rules/대형폐기물.yaml"}


def test_an_empty_folder_is_an_error_not_an_empty_knowledge(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path)) >= 3


def test_importing_pulls_in_no_transport_and_no_database() -> None:
    code = (
        "import sys; import streaming.knowledge; "
        "print([m for m in ('grpc', 'asyncpg', 'redis', 'aiokafka', 'openai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

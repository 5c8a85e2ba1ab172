"""Reading the data folder into models, collecting every problem instead of the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from streaming.knowledge import prompts
from streaming.knowledge.errors import Problem
from streaming.knowledge.models import Municipality, RuleDocument, Sources, TagGroups, Taxonomy
from streaming.knowledge.prompts import PromptHead

DATA: Final = Path(__file__).parent / "data"
"""The folder shipped with the program."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt file taken apart."""

    head: PromptHead
    system: str
    user: str


@dataclass(slots=True)
class Files:
    """What the folder holds, by path below it. None where a file could not be read."""

    taxonomy: Taxonomy | None = None
    tags: TagGroups | None = None
    sources: Sources | None = None
    rules: dict[str, RuleDocument] = field(default_factory=dict)
    municipalities: dict[str, Municipality] = field(default_factory=dict)
    prompts: dict[str, PromptFile] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _Loader(yaml.CSafeLoader):
    """YAML through libyaml, refusing a key given twice (YAML itself keeps the last one)."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} stands twice", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(folder: Path = DATA) -> Files:
    """Read everything below ``folder``. Never raises for bad content: see ``problems``."""
    files = Files()
    files.taxonomy = _model(folder, folder / "taxonomy.yaml", Taxonomy, files.problems)
    files.tags = _model(folder, folder / "tags.yaml", TagGroups, files.problems)
    files.sources = _model(folder, folder / "sources.yaml", Sources, files.problems)
    for path in sorted((folder / "rules").glob("*.yaml")):
        rule = _rule(folder, path, files)
        if rule is not None:
            files.rules[_name(folder, path)] = rule
    for path in sorted((folder / "municipalities").glob("*.yaml")):
        local = _model(folder, path, Municipality, files.problems)
        if local is not None:
            files.municipalities[_name(folder, path)] = local
    for path in sorted((folder / "prompts").glob("*.md")):
        prompt = _prompt(folder, path, files.problems)
        if prompt is not None:
            files.prompts[_name(folder, path)] = prompt
    return files


def _rule(folder: Path, path: Path, files: Files) -> RuleDocument | None:
    """A rule document with the source it names put in its place."""
    raw = _yaml(folder, path, files.problems)
    if not isinstance(raw, dict):
        return _validated(_name(folder, path), raw, RuleDocument, files.problems)
    known = files.sources.sources if files.sources else {}
    name = raw.get("source")
    if not isinstance(name, str) or name not in known:
        if files.sources is not None:
            hint = f"one of: {', '.join(known)}"
            message = f"source {name!r} is not in sources.yaml"
            files.problems.append(
                Problem(file=_name(folder, path), field="source", message=message, hint=hint)
            )
        return None
    return _validated(
        _name(folder, path), raw | {"source": known[name]}, RuleDocument, files.problems
    )


def _prompt(folder: Path, path: Path, problems: list[Problem]) -> PromptFile | None:
    name = _name(folder, path)
    text = _text(folder, path, problems)
    if text is None:
        return None
    parts = prompts.split(text)
    if parts is None:
        problems.append(
            Problem(
                file=name,
                field="",
                message="not a prompt file",
                hint="front matter between --- lines, then '# system', then '# user'",
            )
        )
        return None
    head_text, system, user = parts
    head = _validated(name, _parsed(name, head_text, problems), PromptHead, problems)
    return None if head is None else PromptFile(head, system, user)


def _model(folder: Path, path: Path, model: type[M], problems: list[Problem]) -> M | None:
    raw = _yaml(folder, path, problems)
    return None if raw is None else _validated(_name(folder, path), raw, model, problems)


def _yaml(folder: Path, path: Path, problems: list[Problem]) -> Any:
    text = _text(folder, path, problems)
    return None if text is None else _parsed(_name(folder, path), text, problems)


def _text(folder: Path, path: Path, problems: list[Problem]) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = Problem(file=_name(folder, path), field="", message="the file is missing")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(file=_name(folder, path), field="", message=f"not readable: {error}")
    problems.append(problem)
    return None


def _parsed(name: str, text: str, problems: list[Problem]) -> Any:
    try:
        parsed = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader underneath
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error)
        problems.append(Problem(file=name, field=where, message=f"not valid YAML: {what}"))
        return None
    if parsed is None:
        problems.append(Problem(file=name, field="", message="the file is empty"))
    return parsed


def _validated(name: str, raw: Any, model: type[M], problems: list[Problem]) -> M | None:
    if raw is None:
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems.extend(
            Problem(
                file=name,
                field=".".join(str(step) for step in detail["loc"]),
                message=detail["msg"],
                hint=_hint(detail["type"], model),
            )
            for detail in error.errors()
        )
        return None


def _hint(kind: str, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        return f"fields: {', '.join(model.model_fields)}"
    if kind == "string_type":
        return "put quotation marks around it"
    if kind == "string_pattern_mismatch":
        return "no space at the beginning or the end"
    return ""


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()

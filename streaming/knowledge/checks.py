"""What must hold between the data files, beyond the shape of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from streaming.knowledge import prompts
from streaming.knowledge.errors import Problem
from streaming.knowledge.files import Files
from streaming.knowledge.folding import Folder
from streaming.knowledge.merging import missing_targets
from streaming.knowledge.models import Major, Middle, RuleDocument, TagGroups, Taxonomy

FIXED_VARIABLES = frozenset({"taxonomy", "tags"})
"""What a system prompt may ask for; known at load."""

REQUIRED_PROMPTS = ("vision", "answer", "intent", "reply", "summary", "grade", "search", "draw")


def document_id(major: Major, middle: Middle) -> str:
    """Id of the document that rules a class."""
    return f"{major.name}_{middle.name}" if major.middles else major.name


def all_problems(files: Files) -> list[Problem]:
    """Problems of the single files, and those between them when all of them could be read."""
    problems = list(files.problems)
    taxonomy, tags = files.taxonomy, files.tags
    if taxonomy is None or tags is None or files.sources is None:
        return problems
    try:
        fold = Folder(taxonomy.folds)
    except ValueError as error:
        return [*problems, Problem(file="taxonomy.yaml", field="folds", message=str(error))]
    problems.extend(_taxonomy(taxonomy, tags, fold))
    problems.extend(_tags(tags))
    problems.extend(_documents(files, taxonomy, tags, fold))
    problems.extend(_municipalities(files, taxonomy, tags, fold))
    problems.extend(_prompts(files))
    return problems


def _taxonomy(taxonomy: Taxonomy, tags: TagGroups, fold: Folder) -> Iterator[Problem]:
    def problem(field: str, message: str, hint: str = "") -> Problem:
        return Problem(file="taxonomy.yaml", field=field, message=message, hint=hint)

    for name in _repeated(fold(major.name) for major in taxonomy.majors):
        yield problem("majors", f"major {name!r} stands twice")
    for number, major in enumerate(taxonomy.majors):
        field = f"majors.{number}"
        for name in _repeated(fold(middle.name) for middle in major.middles):
            yield problem(f"{field}.middles", f"middle {name!r} stands twice")
        for middle in major.classes:
            for name in _repeated(fold(minor.name) for minor in middle.minors):
                yield problem(
                    f"{field} {middle.name}.minors",
                    f"minor {name!r} stands twice",
                    "list the repeats under 'entries' of one minor",
                )
            for minor in middle.minors:
                if minor.entries and minor.name not in minor.entries:
                    yield problem(
                        f"{field} {middle.name} {minor.name}.entries", "its own name is missing"
                    )
    unclassified = taxonomy.unclassified
    for field, tag in (("minor_tag", unclassified.minor_tag), ("all_tag", unclassified.all_tag)):
        if tag not in tags.names:
            yield problem(f"unclassified.{field}", f"tag {tag!r} is not in tags.yaml")


def _tags(tags: TagGroups) -> Iterator[Problem]:
    for name in _repeated(tags.names):
        yield Problem(file="tags.yaml", field="groups", message=f"tag {name!r} stands twice")


def _documents(
    files: Files, taxonomy: Taxonomy, tags: TagGroups, fold: Folder
) -> Iterator[Problem]:
    classes = _classes(taxonomy)
    ids = {document.id for document in files.rules.values()}
    unread = {
        problem.file.removeprefix("rules/").removesuffix(".yaml")
        for problem in files.problems
        if problem.file.startswith("rules/")
    }
    for missing in sorted(classes.keys() - ids - unread):
        yield Problem(
            file=f"rules/{missing}.yaml",
            field="id",
            message=f"no rule document for the class {missing!r}",
            hint="every class of taxonomy.yaml needs one",
        )
    for file, document in files.rules.items():
        if f"rules/{document.id}.yaml" != file:
            yield Problem(
                file=file,
                field="id",
                message=f"id {document.id!r} differs from the name of the file",
            )
        if document.id not in classes:
            yield Problem(
                file=file,
                field="id",
                message=f"{document.id!r} is no class of taxonomy.yaml",
                hint="<major>_<middle> for recyclables, <major> otherwise",
            )
            continue
        major, middle = classes[document.id]
        if document.key != middle.name:
            yield Problem(file=file, field="key", message=f"must be {middle.name!r}")
        if fold(document.category) != fold(major.name):
            yield Problem(file=file, field="category", message=f"must be {major.name!r}")
        minors = {minor.name for minor in middle.minors}
        for field, message in _inside(document, minors, set(tags.names), ids | unread, fold):
            yield Problem(file=file, field=field, message=message)


def _classes(taxonomy: Taxonomy) -> dict[str, tuple[Major, Middle]]:
    """Every class by the id of its document."""
    return {
        document_id(major, middle): (major, middle)
        for major in taxonomy.majors
        for middle in major.classes
    }


def _inside(
    document: RuleDocument, minors: set[str], tags: set[str], ids: set[str], fold: Folder
) -> Iterator[tuple[str, str]]:
    """Problems of one document or local change as (field, message)."""
    for number, case in enumerate(document.cases):
        for minor in set(case.minors) - minors:
            yield f"cases.{number}.minors", f"{minor!r} is no minor of this class"
        for tag in set(case.tags) - tags:
            yield f"cases.{number}.tags", f"{tag!r} is not in tags.yaml"
    for number, lack in enumerate(document.lacks):
        for tag in set(lack.tags) - tags:
            yield f"lacks.{number}.tags", f"{tag!r} is not in tags.yaml"
    for number, entry in enumerate(document.not_accepted):
        for target in entry.goes_to:
            if target not in ids:
                yield f"not_accepted.{number}.goes_to", f"there is no document {target!r}"
            if target == document.id:
                yield f"not_accepted.{number}.goes_to", "leads back to this document"
    for name in _repeated(fold(case.name) for case in document.cases):
        yield "cases", f"case {name!r} stands twice"
    for name in _repeated(fold(entry.item) for entry in document.not_accepted):
        yield "not_accepted", f"item {name!r} stands twice"


def _municipalities(
    files: Files, taxonomy: Taxonomy, tags: TagGroups, fold: Folder
) -> Iterator[Problem]:
    classes = _classes(taxonomy)
    documents = {document.id: document for document in files.rules.values()}
    taken: dict[str, str] = {}
    for file, local in files.municipalities.items():
        for label in {fold(name) for name in (local.code, local.name, *local.aliases)}:
            if taken.setdefault(label, file) != file:
                yield Problem(
                    file=file,
                    field="aliases",
                    message=f"{label!r} also means {taken[label]}",
                    hint="one label, one municipality",
                )
        for name, change in local.rules.items():
            field = f"rules.{name}"
            if name not in documents:
                yield Problem(file=file, field=field, message=f"there is no document {name!r}")
                continue
            for what, label in missing_targets(documents[name], change, fold):
                message = f"{label!r} is not in the national document"
                yield Problem(file=file, field=f"{field}.{what}", message=message)
            changed = documents[name].model_copy(
                update={"cases": change.cases, "not_accepted": change.not_accepted, "lacks": ()}
            )
            minors = {minor.name for minor in classes[name][1].minors} if name in classes else set()
            inside = _inside(changed, minors, set(tags.names), set(documents), fold)
            for what, message in inside:
                yield Problem(file=file, field=f"{field}.{what}", message=message)


def _prompts(files: Files) -> Iterator[Problem]:
    names = {prompt.head.name for prompt in files.prompts.values()}
    unread = {problem.file for problem in files.problems}
    for missing in REQUIRED_PROMPTS:
        if missing not in names and f"prompts/{missing}.md" not in unread:
            message = f"no prompt named {missing!r}"
            yield Problem(file=f"prompts/{missing}.md", field="name", message=message)
    for file, prompt in files.prompts.items():
        declared = set(prompt.head.variables)
        in_system = prompts.placeholders(prompt.system)
        in_user = prompts.placeholders(prompt.user)
        for name in sorted(declared ^ (in_system | in_user)):
            yield Problem(
                file=file,
                field="variables",
                message=f"{name!r} is declared but not used, or used but not declared",
            )
        for name in sorted(in_system - FIXED_VARIABLES):
            yield Problem(
                file=file,
                field="system",
                message=f"{{{{{name}}}}} may not stand in the system text",
                hint="outside text belongs into the user part, where it is quoted",
            )
        for name in sorted(in_user & FIXED_VARIABLES):
            yield Problem(file=file, field="user", message=f"{{{{{name}}}}} belongs into # system")


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]

"""``eco2 knowledge``: check the data files, and see what is known about a thing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from streaming.knowledge import Item, Knowledge, KnowledgeError, RuleDocument
from streaming.knowledge.checks import all_problems
from streaming.knowledge.files import DATA, read
from streaming.knowledge.report import Report, report

app = typer.Typer(
    help="Taxonomy, disposal rules and prompts: check them, look things up.", no_args_is_help=True
)

Folder = Annotated[
    Path,
    typer.Option(
        "--data", help="Data folder to read.", exists=True, file_okay=False, show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def check(folder: Folder = DATA, as_json: AsJson = False) -> None:
    """Validate every data file; exit 1 when something is wrong, naming file and field."""
    files = read(folder)
    problems = all_problems(files)
    found = None if problems else report(Knowledge(files))
    if as_json:
        answer: dict[str, Any] = {
            "ok": found is not None,
            "problems": [asdict(problem) for problem in problems],
            "report": asdict(found) if found else None,
        }
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    elif found is not None:
        typer.echo(_readable(found))
    else:
        typer.echo(f"{len(problems)} problem(s) in {folder}:", err=True)
        for problem in problems:
            typer.echo(f"  {problem}", err=True)
    if found is None:
        raise typer.Exit(1)


@app.command()
def show(
    item: Annotated[str, typer.Argument(help="A thing or a whole question, e.g. '택배 송장'.")],
    municipality: Annotated[
        str | None, typer.Option(help="Municipality whose own rules apply.")
    ] = None,
    folder: Folder = DATA,
    as_json: AsJson = False,
) -> None:
    """Say what ITEM is, which rule document holds, and the steps; exit 1 when it is not known."""
    try:
        knowledge = Knowledge(read(folder))
    except KnowledgeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    match = knowledge.match(item)
    places = (match.item,) if match.item else match.candidates
    answers = [_answer(knowledge, place, item, municipality) for place in places]
    if as_json:
        answer = {"word": match.word, "goes_to": match.goes_to, "items": answers}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    elif not answers:
        typer.echo(f"{item!r}: not known", err=True)
    else:
        if len(answers) > 1:
            typer.echo(f"{item!r} can be {len(answers)} things:")
        for entry in answers:
            typer.echo(_described(entry))
        if match.goes_to:
            typer.echo(f"not accepted there, goes to: {', '.join(match.goes_to)}")
    if not answers:
        raise typer.Exit(1)


def _answer(
    knowledge: Knowledge, place: Item, text: str, municipality: str | None
) -> dict[str, Any]:
    document: RuleDocument | None = knowledge.rule_for(place.major, place.middle, municipality)
    return {
        "item": asdict(place),
        "rule": document.id if document else None,
        "municipality": document.municipality if document else None,
        "source": f"{document.source.publisher} {document.source.name}" if document else None,
        "steps": knowledge.steps(document, minor=place.minor, text=text) if document else (),
    }


def _described(answer: dict[str, Any]) -> str:
    place = answer["item"]
    lines = [" > ".join(filter(None, (place["major"], place["middle"], place["minor"])))]
    lines.append(f"  rule: {answer['rule']} ({answer['source']})")
    lines.extend(f"  {number}. {step}" for number, step in enumerate(answer["steps"], start=1))
    return "\n".join(lines)


def _readable(found: Report) -> str:
    lines = [
        "knowledge: ok",
        f"  taxonomy        {found.majors} majors, {found.middles} middles of recyclables, "
        f"{found.entries} listed entries ({found.minors} things)",
        f"  words           {found.words}",
        f"  situation tags  {found.tags}",
        f"  rule documents  {found.documents}, refusing {found.refused_items} items",
        f"  municipalities  {found.municipalities} with rules of their own",
        f"  prompts         {', '.join(found.prompts)}",
        f"  without rule    {', '.join(found.entries_without_rule) or 'none'}",
    ]
    if found.several_meanings:
        lines.append(f"  several classes {', '.join(found.several_meanings)}")
    if found.without_effective_date:
        lines.append(f"  no effective date in {len(found.without_effective_date)} documents")
    lines.extend(f"  no address for the source: {source}" for source in found.sources_without_url)
    return "\n".join(lines)

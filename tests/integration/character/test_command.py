"""``eco2 characters`` as an operator types it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from services.character.catalogue_file import RELEASED
from services.cli.characters import app
from services.runtime.ports import HOST
from tests.integration.character.conftest import Replica, replica

pytestmark = pytest.mark.parts


async def eco2(one: Replica, *words: str) -> Result:
    """Run the command beside this loop, which serves what it calls."""
    environ = {"ECO2_GRPC_CHARACTER": one.context.address("character")}
    return await asyncio.to_thread(CliRunner().invoke, app, words, env=environ)


def written(folder: Path, *, without: str = "", dialog: str = "") -> str:
    document = yaml.safe_load(RELEASED.read_text(encoding="utf-8"))
    kept = [each for each in document["characters"] if each["code"] != without]
    if dialog:
        kept[0]["dialog"] = dialog
    file = folder / "characters.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "characters": kept}, allow_unicode=True))
    return str(file)


async def test_shows_changes_and_makes_them_once(environ: dict[str, str], tmp_path: Path) -> None:
    async with replica(environ, background=False) as one:
        await eco2(one, "sync", str(RELEASED), "--retire")
        same = await eco2(one, "sync", str(RELEASED))
        assert (same.exit_code, "as it should be" in same.output) == (0, True)

        file = written(tmp_path, without="char-foamy", dialog="새 인사")
        planned = await eco2(one, "sync", file, "--dry-run", "--json")
        actions = {each["code"]: each["action"] for each in json.loads(planned.output)["changes"]}
        assert actions == {"char-eco": "changed", "char-foamy": "retired"}

        refused = await eco2(one, "sync", file)
        assert (refused.exit_code, "char-foamy" in refused.output) == (3, True)
        assert "폼이" in await one.names()

        done = await eco2(one, "sync", file, "--retire")
        assert (done.exit_code, "retired   char-foamy 폼이" in done.output) == (0, True)
        assert "폼이" not in await one.names()
        back = await eco2(one, "sync", str(RELEASED))
        assert "restored  char-foamy 폼이" in back.output


async def test_says_what_is_wrong_and_with_what(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\ncharacters:\n  - code: x\n    colour: red\n")
    checked = await asyncio.to_thread(CliRunner().invoke, app, ["check", str(bad)])
    assert checked.exit_code == 1
    assert f"{bad}: line 4: 'colour' is not known" in checked.output.replace("\n", "")
    missing = await asyncio.to_thread(CliRunner().invoke, app, ["check", str(tmp_path / "no")])
    assert (missing.exit_code, "No such file" in missing.output) == (1, True)
    away = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        ["sync", str(RELEASED)],
        env={**os.environ, "ECO2_GRPC_CHARACTER": f"{HOST}:1"},
    )
    assert (away.exit_code, "does not answer" in away.output) == (1, True)

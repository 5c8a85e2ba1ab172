"""``eco2 import-places`` as an operator types it."""

from __future__ import annotations

import asyncio
import csv
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import typer
from typer.testing import CliRunner, Result

from mesh.local import sample_places
from mesh.local.ephemeral import EphemeralParts
from services.cli.import_places import import_places
from services.cli.place_import import BATCH
from services.location.place import KECO
from services.location.sources.csv_records import CP949, UTF8
from services.runtime.ports import HOST
from tests.integration.location.conftest import Service
from tests.wait import until

COUNT = 12
FIRST_KEY = 7_000_000
"""Of the places of these tests."""

app = typer.Typer()
app.command()(import_places)


@pytest.fixture
async def database(parts: EphemeralParts, location: Service) -> AsyncIterator[asyncpg.Connection]:
    """The domain's database; these tests' places are removed from it in the end."""
    connection = await asyncpg.connect(
        parts.postgres_url(), server_settings={"search_path": "location, public"}
    )
    yield connection
    await connection.execute("DELETE FROM places WHERE source_pk LIKE '7______'")
    await connection.execute(
        "DELETE FROM filed_places WHERE place_id NOT IN (SELECT id FROM places)"
    )
    await connection.close()


def table(count: int = COUNT) -> list[list[str]]:
    """The header and rows under keys of their own."""
    header, *lines = (list(line) for line in sample_places.rows(KECO, count, seed=9))
    for number, line in enumerate(lines):
        line[0] = str(FIRST_KEY + number)
    return [header, *lines]


def written(path: Path, lines: list[list[str]], encoding: str = UTF8) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    return path


async def eco2(location: Service, *words: object) -> Result:
    """Run the command beside this loop, which serves what it calls."""
    given = [str(word) for word in (*words, "--source", KECO)]
    environ = {"ECO2_GRPC_LOCATION": location.target}
    return await asyncio.to_thread(CliRunner().invoke, app, given, env=environ)


async def kept(database: asyncpg.Connection) -> list[asyncpg.Record]:
    """All there is of places, and how they are filed."""
    rows: list[asyncpg.Record] = await database.fetch(
        "SELECT places::text, array_agg(filed::text ORDER BY filed::text) FROM places "
        "LEFT JOIN filed_places AS filed ON place_id = id GROUP BY id ORDER BY id"
    )
    return rows


async def staged(database: asyncpg.Connection) -> int:
    return int(await database.fetchval("SELECT count(*) FROM staged_places"))


async def test_a_good_file_is_imported_and_importing_it_again_changes_nothing(
    location: Service, database: asyncpg.Connection, tmp_path: Path
) -> None:
    file = written(tmp_path / "sites.csv", table())
    first = await eco2(location, file)
    assert (first.exit_code, f"{COUNT} places: {COUNT} new" in first.output) == (0, True)
    assert not (tmp_path / "sites.csv.rejects.csv").exists()
    before = await kept(database)
    again = await eco2(location, file, "--json")
    told = json.loads(again.stdout)
    assert (told["inserted"], told["updated"], told["unchanged"]) == (0, 0, COUNT)
    assert told["report"] is None
    assert await kept(database) == before
    assert await staged(database) == 0


async def test_rows_that_cannot_be_used_are_named_in_the_file_of_rejects(
    location: Service, database: asyncpg.Connection, tmp_path: Path
) -> None:
    lines = table()
    at = lines[0].index
    lines[1][at("positnPstnLat")] = "37.5012?"
    lines[2][at("positnPstnLot")] = "127.7.23106"
    lines[3][at("positnSn")] = "?"
    lines[4][at("etcMttrCn")] = "길" * 70_000
    file = written(tmp_path / "sites.csv", lines)
    done = await eco2(location, file)
    assert done.exit_code == 0
    assert "3 rows rejected, 1 repaired: see " in done.output.replace("\n", " ")
    report = (tmp_path / "sites.csv.rejects.csv").open(encoding="utf-8")
    rows = {row["key"]: row for row in csv.DictReader(report)}
    assert rows[str(FIRST_KEY)]["outcome"] == "repaired"
    assert "unreadable coordinates" in rows[str(FIRST_KEY + 1)]["reason"]
    assert "positnSn is no number" in rows["?"]["reason"]
    assert "field larger than field limit" in rows[""]["reason"]
    assert await database.fetchval(
        "SELECT count(*) FROM places WHERE source_pk LIKE '7______'"
    ) == (COUNT - 3)


async def test_a_file_in_cp949_is_read_and_said_to_be_so(
    location: Service, database: asyncpg.Connection, tmp_path: Path
) -> None:
    done = await eco2(location, written(tmp_path / "sites.csv", table(), CP949))
    assert done.exit_code == 0
    assert "is read as CP949" in done.stderr
    names = await database.fetch("SELECT name FROM places WHERE source_pk LIKE '7______'")
    assert {row["name"] for row in names} == {line[1] for line in table()[1:]}


async def test_a_file_of_the_wrong_encoding_or_layout_is_refused_by_name(
    location: Service, database: asyncpg.Connection, tmp_path: Path
) -> None:
    before = await kept(database)
    file = written(tmp_path / "a.csv", table(), CP949)
    wrong = await eco2(location, file, "--encoding=utf-8", "--max-rejects=3")
    assert (wrong.exit_code, "bytes of another encoding" in wrong.stderr) == (1, True)
    lines = table()
    lines[0][lines[0].index("positnPstnLat")] = "latitude"
    missing = await eco2(location, written(tmp_path / "b.csv", lines))
    assert missing.exit_code == 1
    assert "b.csv is no keco file: columns are missing: positnPstnLat" in missing.stderr
    (tmp_path / "c.csv").write_bytes(b"\x80\x81\xff\xfe\xfd" * 1000)
    neither = await eco2(location, tmp_path / "c.csv")
    assert (neither.exit_code, "neither UTF-8 nor CP949" in neither.stderr) == (1, True)
    for refused in (wrong, missing, neither):
        assert "Nothing was imported." in refused.stderr
    assert await kept(database) == before


async def test_an_import_that_is_given_up_late_has_changed_nothing(
    location: Service, database: asyncpg.Connection, tmp_path: Path
) -> None:
    """Two batches were staged by then, which would have changed a place and added others."""
    lines = table(2 * BATCH + 5)
    assert (await eco2(location, written(tmp_path / "a.csv", lines[:3]))).exit_code == 0
    before = await kept(database)
    lines[1][1] = "아무도 못 볼 이름"
    lines += [["broken", "row"]] * 4
    given_up = await eco2(location, written(tmp_path / "b.csv", lines), "--max-rejects", 3)
    assert given_up.exit_code == 1
    assert "more than 3 rows can't be used" in given_up.stderr
    assert await kept(database) == before
    assert await staged(database) == 0


async def test_without_the_service_it_says_what_to_start(tmp_path: Path) -> None:
    nobody = Service(None, f"{HOST}:1")
    away = await eco2(nobody, written(tmp_path / "a.csv", table()))
    assert (away.exit_code, "start it first" in away.stderr) == (1, True)


async def test_an_interrupted_import_has_changed_nothing_and_left_nothing(
    location: Service, database: asyncpg.Connection, tmp_path: Path
) -> None:
    """The file is a pipe, so that the command is known to be in the middle of it."""
    before, pipe = await kept(database), tmp_path / "sites.csv"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "services.cli.main", "import-places", str(pipe)]
    child = await asyncio.to_thread(
        subprocess.Popen,
        [*command, "--source", KECO, "--encoding", "utf-8"],
        env={**os.environ, "ECO2_GRPC_LOCATION": location.target},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Opening it would wait in a thread that nobody can end, should the command not get so far.
        number = await until(lambda: _written_to(pipe, child), within_seconds=60)
        # In a thread: the service that the command waits for runs in this loop.
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            await asyncio.to_thread(csv.writer(file).writerows, table(3 * BATCH))

            async def begun() -> bool:
                return await staged(database) >= BATCH

            await until(begun, within_seconds=60)
            child.send_signal(signal.SIGINT)
            # The end of the pipe lets it go on, which it does not by then.
            await asyncio.to_thread(file.close)
        _, told = await asyncio.to_thread(child.communicate, timeout=60)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, told) == (130, "eco2: interrupted. Nothing was imported.\n")
    assert await kept(database) == before
    assert await staged(database) == 0


def _written_to(pipe: Path, reader: subprocess.Popen[str]) -> int | None:
    """Descriptor of a pipe that somebody reads; None while nobody does."""
    assert reader.poll() is None, reader.communicate()
    try:
        number = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None
    os.set_blocking(number, True)
    return number

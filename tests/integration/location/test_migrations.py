"""Migrations do to the places that are there what an import does to new ones."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg

from mesh.local.ephemeral import EphemeralParts
from services.runtime import hangul
from tests.integration.location.conftest import Service

FOLDER = Path("services/location/migrations")


def _statements(name: str, *kinds: str) -> list[str]:
    """Those statements of a migration that begin so."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [
        statement
        for each in "\n".join(lines).split(";\n\n")
        if (statement := each.strip()).startswith(kinds)
    ]


def _letters(*texts: str | None) -> str:
    """What the search looked into before letters were written as keys."""
    vowels = dict(
        zip("ㅘㅙㅚㅝㅞㅟㅢ", ("ㅗㅏ", "ㅗㅐ", "ㅗㅣ", "ㅜㅓ", "ㅜㅔ", "ㅜㅣ", "ㅡㅣ"), strict=True)
    )
    finals = dict(
        zip("ㄳㄵㄶㄺㄻㄼㅄ", ("ㄱㅅ", "ㄴㅈ", "ㄴㅎ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㅂㅅ"), strict=True)
    )
    apart = str.maketrans(vowels | finals)
    return "\n".join(
        " ".join(re.findall(r"\w+", "".join(map(hangul.letters, text.lower())).translate(apart)))
        for text in texts
        if text
    )


async def test_places_of_before_are_shown_and_filed_as_those_of_an_import(
    parts: EphemeralParts, location: Service
) -> None:
    connection = await asyncpg.connect(
        parts.postgres_url(), server_settings={"search_path": "location, public"}
    )
    kept = "SELECT place_id, takes, spot[0], spot[1] FROM filed_places ORDER BY 1, 3"
    keyed = "SELECT id, letters, keys, takes FROM places ORDER BY id"
    work = connection.transaction()
    await work.start()
    try:
        before = await connection.fetch("SELECT id, shown FROM places ORDER BY id")
        filed = await connection.fetch(kept)
        searched = await connection.fetch(keyed)
        await connection.execute("ALTER TABLE places ALTER keys DROP NOT NULL")
        await connection.execute("ALTER TABLE places ALTER takes DROP NOT NULL")
        await connection.execute("UPDATE places SET shown = '', keys = NULL, takes = NULL")
        await connection.executemany(
            "UPDATE places SET letters = $2 WHERE id = $1",
            [
                (row["id"], _letters(row["name"], row["road_address"], row["lot_address"]))
                for row in await connection.fetch("SELECT * FROM places")
            ],
        )
        await connection.execute("TRUNCATE filed_places")
        for statement in _statements("0002_filed_places.sql", "INSERT"):
            await connection.execute(statement)
        for statement in _statements("0003_shown_entries.sql", "CREATE FUNCTION", "UPDATE"):
            await connection.execute(statement)
        for statement in _statements("0004_keys.sql", "UPDATE"):
            await connection.execute(statement)
        assert await connection.fetch("SELECT id, shown FROM places ORDER BY id") == before
        assert await connection.fetch(keyed) == searched
        assert await connection.fetch(kept) == filed
        assert len(before) >= 300
    finally:
        await work.rollback()
        await connection.close()

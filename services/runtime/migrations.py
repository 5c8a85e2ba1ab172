"""SQL migrations: one schema a domain, applied once, in order, never changed afterwards.

Files are ``services/<domain>/migrations/NNNN_name.sql``. Each runs in its own transaction, with
``search_path`` on the domain's schema, as the owner of the database; the domain's role gets DML on
what the migration makes. A session lock keeps two runners apart. What was applied is remembered
with a checksum: a file that has changed since, has gone, or sorts before an applied one is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from services.runtime.database import CONNECT_SECONDS, role_of
from services.runtime.settings import RuntimeSettings

SERVICES = Path(__file__).resolve().parents[1]
LOCK_KEY = 0x65636F32
"""Advisory lock of the runner ("eco2" in ASCII)."""
_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


class MigrationError(Exception):
    """History and files disagree; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    domain: str
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of a domain's history."""

    version: int
    name: str
    checksum: str


def domains(root: Path = SERVICES) -> list[str]:
    """Names of the domains that have migrations."""
    return sorted(folder.parent.name for folder in root.glob("*/migrations") if folder.is_dir())


def read(domain: str, root: Path = SERVICES) -> list[Migration]:
    """Migrations of a domain in order; MigrationError for a bad name or a repeated number."""
    found: list[Migration] = []
    for path in sorted((root / domain / "migrations").glob("*.sql")):
        match = _FILE.match(path.name)
        if match is None:
            raise MigrationError(f"{domain}/{path.name}: name it NNNN_lower_case_words.sql")
        version = int(match[1])
        if found and found[-1].version == version:
            raise MigrationError(f"{domain}/{path.name}: number {version} is used twice")
        found.append(Migration(domain, version, path.stem, path.read_text(encoding="utf-8")))
    return found


def pending(files: Sequence[Migration], applied: Iterable[Applied]) -> list[Migration]:
    """Migrations still to run; MigrationError when history was changed."""
    by_version = {migration.version: migration for migration in files}
    newest = 0
    for row in applied:
        newest = max(newest, row.version)
        file = by_version.pop(row.version, None)
        if file is None:
            raise MigrationError(
                f"{row.name} was applied but its file is gone; restore it from history"
            )
        if file.checksum != row.checksum:
            raise MigrationError(
                f"{file.domain}/{file.name}.sql changed after it was applied; "
                "undo the change and write a new migration"
            )
    for migration in by_version.values():
        if migration.version < newest:
            raise MigrationError(
                f"{migration.domain}/{migration.name}.sql sorts before applied ones; "
                f"give it a number above {newest:04d}"
            )
    return sorted(by_version.values(), key=lambda migration: migration.version)


async def migrate(settings: RuntimeSettings, root: Path = SERVICES) -> list[Migration]:
    """Apply everything that is pending in every domain; the migrations that ran."""
    connection = await asyncpg.connect(
        settings.postgres_url,
        user=settings.postgres_admin_user,
        password=settings.postgres_password.get_secret_value(),
        timeout=CONNECT_SECONDS,
        server_settings={"application_name": "eco2-migrate", "lock_timeout": "10000"},
    )
    ran: list[Migration] = []
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        for domain in domains(root):
            await _prepare(connection, domain, settings.postgres_password.get_secret_value())
            rows = await connection.fetch(
                f'SELECT version, name, checksum FROM "{domain}".schema_migrations '  # noqa: S608
                "ORDER BY version"
            )
            history = [Applied(row["version"], row["name"], row["checksum"]) for row in rows]
            for migration in pending(read(domain, root), history):
                await _apply(connection, migration)
                ran.append(migration)
    finally:
        await connection.close()
    return ran


async def _prepare(connection: asyncpg.Connection, domain: str, password: str) -> None:
    """Make the schema, the role and the history table of a domain when they are missing."""
    role = role_of(domain)
    quoted = await connection.fetchval("SELECT quote_literal($1)", password)
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    await connection.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD {quoted}')
    await connection.execute(
        f"""
        CREATE SCHEMA IF NOT EXISTS "{domain}";
        GRANT USAGE ON SCHEMA "{domain}" TO "{role}";
        ALTER DEFAULT PRIVILEGES IN SCHEMA "{domain}"
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{role}";
        ALTER DEFAULT PRIVILEGES IN SCHEMA "{domain}"
            GRANT USAGE, SELECT ON SEQUENCES TO "{role}";
        CREATE TABLE IF NOT EXISTS "{domain}".schema_migrations (
            version    integer PRIMARY KEY,
            name       text NOT NULL,
            checksum   text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        );
        """
    )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f'SET LOCAL search_path = "{migration.domain}", public')
        try:
            await connection.execute(migration.sql)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{migration.domain}/{migration.name}.sql: {error}") from error
        await connection.execute(
            f'INSERT INTO "{migration.domain}".schema_migrations (version, name, checksum) '  # noqa: S608
            "VALUES ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )

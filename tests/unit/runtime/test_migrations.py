from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.migrations import Applied, Migration, MigrationError, domains, pending, read


def _files(*versions: int) -> list[Migration]:
    return [
        Migration("d", version, f"{version:04d}_x", f"SELECT {version}") for version in versions
    ]


def _applied(migration: Migration) -> Applied:
    return Applied(migration.version, migration.name, migration.checksum)


def test_only_what_is_not_applied_is_pending() -> None:
    files = _files(1, 2, 3)
    assert [m.version for m in pending(files, [_applied(files[0])])] == [2, 3]


def test_changed_history_is_refused() -> None:
    file = _files(1)[0]
    with pytest.raises(MigrationError, match="changed after it was applied"):
        pending([file], [Applied(1, file.name, "other")])


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(MigrationError, match="its file is gone"):
        pending([], [_applied(_files(1)[0])])


def test_a_migration_before_applied_ones_is_refused() -> None:
    files = _files(1, 2)
    with pytest.raises(MigrationError, match="sorts before"):
        pending(files, [_applied(files[1])])


@pytest.mark.parametrize("name", ["1_x.sql", "0001-x.sql", "0001_X.sql"])
def test_badly_named_files_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "d" / "migrations"
    folder.mkdir(parents=True)
    (folder / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match="name it"):
        read("d", tmp_path)


def test_numbers_of_this_release_are_unique_and_in_order() -> None:
    for domain in domains():
        versions = [migration.version for migration in read(domain)]
        assert versions == sorted(set(versions))
        assert versions

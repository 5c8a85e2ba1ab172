from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.local import external, layout, process
from mesh.local.part import Part, SetupError
from mesh.local.parts import jvm, kafka, postgres, python
from mesh.local.paths import Paths


def test_the_newest_postgres_is_chosen_for_new_data() -> None:
    assert postgres.choose_version([17, 15], None) == 17


def test_data_are_served_by_the_version_that_wrote_them() -> None:
    assert postgres.choose_version([15, 17], 15) == 15


def test_data_of_a_version_that_is_not_installed_are_refused_with_both_ways_out() -> None:
    with pytest.raises(SetupError, match=r"install postgresql-14, or remove .*make clean-data"):
        postgres.choose_version([15, 17], 14)


def test_missing_postgres_is_one_line() -> None:
    with pytest.raises(SetupError, match="make setup"):
        postgres.choose_version([], None)


def test_installed_versions_are_those_with_a_server(tmp_path: Path) -> None:
    for name in ("15/bin/postgres", "9.6/bin/postgres", "17/bin/psql", "16/bin/postgres"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert postgres.installed_versions(tmp_path) == [15, 16]


def test_postgres_data_go_elsewhere_when_its_user_cannot_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    reachable = all(folder.stat().st_mode & 0o001 for folder in tmp_path.parents)
    tmp_path.chmod(0o755)
    inside = Paths(home=closed / ".eco2")
    assert postgres.data_folder(inside, None) == inside.data("postgres")
    elsewhere = postgres.data_folder(inside, "postgres")
    assert elsewhere.is_relative_to("/var/lib/eco2")
    assert elsewhere != postgres.data_folder(Paths(home=closed / "other"), "postgres")
    if reachable:
        home = Paths(home=tmp_path / "open")
        assert postgres.data_folder(home, "postgres") == home.data("postgres")


def test_kafka_data_of_a_newer_broker_are_refused(tmp_path: Path) -> None:
    (tmp_path / kafka.VERSION_FILE).write_text("4.2.0\n")
    with pytest.raises(SetupError, match=r"4\.2\.0, installed is 4\.1\.1.*make clean-data"):
        kafka.check_version(tmp_path, "4.1.1")


@pytest.mark.parametrize("version", ["4.2.0", "4.10.0", "5.0.0"])
def test_kafka_data_of_the_same_or_an_older_broker_are_fine(tmp_path: Path, version: str) -> None:
    (tmp_path / kafka.VERSION_FILE).write_text("4.2.0\n")
    kafka.check_version(tmp_path, version)


def test_a_folder_that_is_no_kafka_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="make clean-data"):
        kafka.check_version(tmp_path, "4.1.1")


def test_versions_come_from_the_jars(tmp_path: Path) -> None:
    paths = Paths(repository=tmp_path)
    with pytest.raises(SetupError, match="make setup"):
        jvm.jar_version(paths, "kafka", "kafka_2.13")
    (paths.jars / "kafka").mkdir(parents=True)
    for name in ("kafka_2.13-4.1.1.jar", "kafka-clients-4.1.1.jar", "kafka_2.13-test.jar"):
        (paths.jars / "kafka" / name).touch()
    assert jvm.jar_version(paths, "kafka", "kafka_2.13") == "4.1.1"


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_java_settings_keep_every_character(value: str) -> None:
    assert _unescaped(jvm.escaped(value)) == value


def _unescaped(text: str) -> str:
    """A value as ``java.util.Properties.load`` reads it (its Javadoc), from one line."""
    assert text.isascii()
    assert "\n" not in text
    text = text.lstrip(" \t\f")
    units = re.sub(
        r"\\u([0-9a-f]{4})|\\(.)|([^\\])",
        lambda match: chr(int(match[1], 16)) if match[1] else match[2] or match[3],
        text,
    )
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def test_root_gives_up_its_identity_where_a_part_asks_for_it() -> None:
    async def ready() -> None:
        return

    part = Part(name="db", command=("/bin/db", "-x"), ready=ready, user="postgres")
    as_root = process.argv(part, root=True)
    assert as_root[:6] == [
        "setpriv",
        "--reuid",
        "postgres",
        "--regid",
        "postgres",
        "--clear-groups",
    ]
    assert as_root[-2:] == ["/bin/db", "-x"]
    assert process.argv(part, root=False) == [
        *("setpriv", "--pdeathsig", "TERM", "--", "/bin/db", "-x")
    ]


def test_our_processes_are_named_with_what_they_run_and_their_metrics_port() -> None:
    part = python.group(
        Paths(), {}, name="workers", verb="work", members=("vision", "rule"), metrics="metrics_work"
    )
    assert part.command[1:] == (
        *("-m", "services.cli.main", "work", "vision", "rule"),
        *("--metrics-port-name", "metrics_work"),
    )
    assert part.environ["PYTHONPATH"].split(os.pathsep)[0] == str(Paths().repository)


def test_our_processes_reach_what_is_started_beside_them_through_sockets() -> None:
    paths = Paths(home=Path("/srv/eco2"))
    found = layout.near(paths, {})
    assert found["ECO2_POSTGRES_URL"].startswith("postgresql:///eco2?host=%2F")
    assert found["ECO2_REDIS_URL"] == "unix:///srv/eco2/data/redis/redis.sock?db=0"
    assert found["ECO2_SOCKETS"] == str(paths.run)
    assert layout.near(paths, {"ECO2_REDIS_URL": "redis://r:1/0"}).keys() == found.keys() - {
        "ECO2_REDIS_URL"
    }


def test_a_folder_too_deep_for_sockets_is_served_over_tcp() -> None:
    assert layout.near(Paths(home=Path("/srv") / ("deep" * 30)), {}) == {}


def test_only_what_has_a_value_is_replaced() -> None:
    environ = {"ECO2_REDIS_URL": "redis://r:6379/0", "ECO2_POSTGRES_URL": "", "PATH": "/bin"}
    assert external.replaced(environ) == {"redis": "redis://r:6379/0"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:s3cret@r:6379/0", "redis://:…@r:6379/0"),
        ("postgresql://u:p@h/eco2", "postgresql://u:…@h/eco2"),
        ("broker-1:9092,broker-2:9092", "broker-1:9092,broker-2:9092"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert external.masked(url) == shown


async def test_replaced_infrastructure_that_does_not_answer_is_named() -> None:
    environ = {"ECO2_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    with pytest.raises(SetupError, match=r"ECO2_KAFKA_BOOTSTRAP=127\.0\.0\.1:1 does not answer"):
        await external.require(environ)

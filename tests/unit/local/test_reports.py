from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import psutil
import pytest

from mesh.local import doctor, state
from mesh.local.free_ports import PortBlock
from mesh.local.layout import GROUPS, drain_seconds, process_environ, stack
from mesh.local.part import SetupError
from mesh.local.paths import Paths, default
from mesh.local.status import measure, table
from services.cli import catalogue
from services.runtime.ports import DEFAULT_PORTS, HOST, env_name


def _running(home: Path) -> Paths:
    """The state of a stack whose supervisor and only part are this process."""
    paths = Paths(home=home)
    lock = state.Lock(paths.run)
    lock.acquire()
    now = state.StackState.new()
    now.phase = "ready"
    now.replaced = {"redis": "redis://:…@cache:6379/0"}
    now.parts["servers"] = state.PartStatus(
        state="ready", pid=os.getpid(), created=psutil.Process().create_time(), ports={"scan": 5}
    )
    now.parts["migrate"] = state.PartStatus(state="done")
    now.write(state.file(paths.run))
    return paths


def test_status_measures_what_runs(tmp_path: Path) -> None:
    now = measure(_running(tmp_path))
    assert now.up
    assert now.supervisor_pid == os.getpid()
    servers, migrate = now.parts
    assert servers.rss_mib is not None
    assert servers.rss_mib > 10
    assert now.python_rss_mib >= servers.rss_mib
    assert migrate.pid is None
    text = table(now)
    assert "scan:5" in text
    assert "redis://:…@cache:6379/0" in text


def test_a_state_file_without_a_living_supervisor_is_history(tmp_path: Path) -> None:
    paths = Paths(home=tmp_path)
    last = state.StackState.new()
    last.phase, last.message = "failed", "kafka ended"
    last.write(state.file(paths.run))
    now = measure(paths)
    assert not now.up
    assert now.supervisor_pid is None
    assert table(now) == "the stack is not up (last run: failed kafka ended)"


def test_findings_carry_their_advice() -> None:
    findings = [
        doctor.Finding("Redis", "ok", "answers"),
        doctor.Finding("ports", "fail", "port 8080 is taken", "stop it"),
    ]
    assert doctor.text(findings).splitlines()[1].endswith("port 8080 is taken → stop it")
    assert [item["verdict"] for item in json.loads(doctor.as_json(findings))] == ["ok", "fail"]


def test_the_doctor_says_that_an_image_is_not_its_patient(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="docker compose"):
        doctor.examine(Paths(repository=tmp_path, home=tmp_path), {})


def test_the_doctor_finds_a_taken_port(tmp_path: Path) -> None:
    block = PortBlock()  # a stack on the documented ports may be up beside the tests
    with socket.create_server((HOST, 0)) as server:
        environ = block.table() | {env_name("envoy_admin"): str(server.getsockname()[1])}
        (finding,) = doctor.ports(environ, measure(Paths(home=tmp_path)))
    block.close()
    assert finding.verdict == "fail"
    assert "envoy_admin" in finding.detail
    assert env_name("envoy_admin") in finding.advice


def test_what_is_served_in_the_layout_is_known_to_the_command() -> None:
    served = {name for group in GROUPS if group.verb == "serve" for name in group.members}
    worked = {name for group in GROUPS if group.verb == "work" for name in group.members}
    assert served == set(catalogue.SERVERS)
    assert worked == {*catalogue.STAGES, *catalogue.WORKERS}


def test_every_port_is_used_by_one_part() -> None:
    used = [name for part in stack(Paths(), {}) for name in part.ports]
    assert len(used) == len(set(used))
    assert set(used) <= set(DEFAULT_PORTS)


def test_replaced_infrastructure_is_not_started() -> None:
    environ = {"ECO2_POSTGRES_URL": "postgresql://db/eco2", "ECO2_KAFKA_BOOTSTRAP": "k:9092"}
    names = {part.name for part in stack(Paths(), environ)}
    assert not names & {"postgres", "kafka"}
    assert {"redis", "s3proxy", "migrate", "servers"} <= names


@pytest.mark.parametrize("given", ["", "http://minio:9000"])
def test_our_processes_get_keys_for_the_local_s3_server_only(given: str) -> None:
    environ = process_environ({"ECO2_S3_ENDPOINT": given})
    assert ("ECO2_S3_ACCESS_KEY" in environ) is not bool(given)
    assert environ["ECO2_S3_ENDPOINT"] == given or not given


def test_the_drain_is_a_setting() -> None:
    assert drain_seconds({}) == 20
    assert drain_seconds({"ECO2_DRAIN_SECONDS": "3"}) == 3
    parts = {part.name: part for part in stack(Paths(), {"ECO2_DRAIN_SECONDS": "3"})}
    assert parts["servers"].grace_seconds == parts["envoy"].grace_seconds == 8


def test_a_home_of_ones_own_keeps_what_the_set_up_fetched(tmp_path: Path) -> None:
    moved = default({"ECO2_HOME": str(tmp_path)})
    assert moved.data("redis").is_relative_to(tmp_path)
    assert moved.jars == Paths().jars

"""The commands people type, on a stack of their own: up, status, doctor, down."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from mesh.local import tls
from mesh.local.ephemeral import clean_environ, temporary_home
from mesh.local.free_ports import PortBlock
from mesh.local.layout import GROUPS
from mesh.local.parts import python
from mesh.local.paths import Paths
from services.runtime.ports import HOST, env_name, port

pytestmark = pytest.mark.stack

UP_SECONDS = 90.0
"""Of a machine that runs other tests as well; a quiet one takes about 8 s."""


class Terminal:
    """Somebody's shell with a stack of their own."""

    def __init__(self, home: Path, ports: dict[str, str]) -> None:
        self.paths = Paths(home=home)
        self.environ = {
            **clean_environ(os.environ),
            **ports,
            **python.variables(self.paths),
            "ECO2_HOME": str(home),
        }

    def eco2(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            python.command(self.paths, *words),
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=UP_SECONDS,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.eco2("status", "--json").stdout)
        return found


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    block = PortBlock()
    home = temporary_home("eco2-cli-")
    found = Terminal(home, block.table())
    yield found
    found.eco2("down")
    block.close()
    shutil.rmtree(home, ignore_errors=True)


def test_a_stack_that_is_not_up_is_said_to_be_down(terminal: Terminal) -> None:
    assert terminal.eco2("status").returncode == 3
    assert "not up" in terminal.eco2("status").stdout
    down = terminal.eco2("down")
    assert down.returncode == 0
    assert "not up" in down.stdout


def test_a_taken_port_is_one_line_that_names_everything(terminal: Terminal) -> None:
    number = port("edge_http", terminal.environ)
    with socket.create_server((HOST, number)):
        refused = terminal.eco2("up")
        examined = terminal.eco2("doctor", "--json")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    for word in (str(number), f"pid {os.getpid()}", env_name("edge_http")):
        assert word in line
    findings = json.loads(examined.stdout)
    assert [f["subject"] for f in findings if f["verdict"] == "fail"] == ["ports"]
    assert examined.returncode == 1


def test_a_port_that_is_no_number_is_refused(terminal: Terminal) -> None:
    refused = terminal.eco2("up", ECO2_PORT_REDIS="many")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "ECO2_PORT_REDIS must be a TCP port between 1 and 65535, got 'many'"
    ]


def test_up_detached_returns_when_the_edge_answers(terminal: Terminal) -> None:
    up = terminal.eco2("up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    http, https = (port(name, terminal.environ) for name in ("edge_http", "edge_https"))
    assert httpx.get(f"http://{HOST}:{http}/api/v1/scan/history").status_code == 401
    trust = ssl.create_default_context(cafile=tls.certificate(terminal.paths.tls))
    answer = httpx.get(f"https://localhost:{https}/api/v1/scan/history", verify=trust)
    assert answer.status_code == 401


def test_status_tells_of_every_part(terminal: Terminal) -> None:
    found = terminal.status()
    assert found["up"]
    states = {part["name"]: part["state"] for part in found["parts"]}
    assert {states.pop(step) for step in ("migrate", "topics", "seed")} == {"done"}
    assert set(states.values()) == {"ready"}
    assert {group.name for group in GROUPS} < set(states)
    assert all(part["rss_mib"] > 1 for part in found["parts"] if part["pid"])


def test_our_processes_stay_within_their_memory(terminal: Terminal) -> None:
    assert terminal.status()["python_rss_mib"] <= 600


def test_a_second_up_is_refused(terminal: Terminal) -> None:
    again = terminal.eco2("up")
    assert again.returncode == 1
    (line,) = again.stderr.splitlines()
    assert str(terminal.status()["supervisor_pid"]) in line
    assert "eco2 down" in line


def test_doctor_finds_nothing_wrong_with_a_running_stack(terminal: Terminal) -> None:
    examined = terminal.eco2("doctor", "--json")
    findings = json.loads(examined.stdout)
    assert [finding for finding in findings if finding["verdict"] == "fail"] == []
    assert examined.returncode == 0
    answered = {finding["subject"] for finding in findings if finding["detail"] == "answers"}
    assert {"postgres", "redis", "kafka", "s3proxy", "envoy", "scan (gRPC)"} <= answered


def test_a_killed_server_comes_back(terminal: Terminal) -> None:
    before = {part["name"]: part["pid"] for part in terminal.status()["parts"]}
    psutil.Process(before["servers"]).kill()
    deadline = time.monotonic() + UP_SECONDS
    while not (now := terminal.status())["up"] or not _restarted(now, "servers"):
        assert time.monotonic() < deadline, now
    assert {part["name"] for part in now["parts"] if part["restarts"]} == {"servers"}


def _restarted(status: dict[str, Any], name: str) -> bool:
    return any(part["name"] == name and part["restarts"] == 1 for part in status["parts"])


def test_down_stops_everything_and_data_stay(terminal: Terminal) -> None:
    pids = [part["pid"] for part in terminal.status()["parts"] if part["pid"]]
    down = terminal.eco2("down")
    assert down.returncode == 0
    assert not any(psutil.pid_exists(pid) and _alive(pid) for pid in pids)
    assert (terminal.paths.data("postgres") / "PG_VERSION").exists()
    again = terminal.eco2("up", "--detach")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "every schema is up to date" in terminal.paths.log("migrate").read_text()


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

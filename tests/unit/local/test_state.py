from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mesh.local import state


def test_what_is_written_is_read(tmp_path: Path) -> None:
    now = state.StackState.new()
    now.parts["redis"] = state.PartStatus(state="ready", pid=12, ports={"redis": 16379})
    file = state.file(tmp_path / "run")
    now.write(file)
    assert state.StackState.read(file) == now


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"parts": {"a": {"what": 1}}}'])
def test_a_file_that_is_not_a_state_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    assert state.StackState.read(file) is None


def test_a_second_supervisor_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    first = state.Lock(tmp_path)
    first.acquire()
    with pytest.raises(state.AlreadyRunningError, match=str(os.getpid())) as refusal:
        state.Lock(tmp_path).acquire()
    assert refusal.value.pid == state.Lock(tmp_path).holder() == os.getpid()
    first.release()
    assert state.Lock(tmp_path).holder() is None


def test_a_pid_file_of_a_dead_supervisor_does_not_count(tmp_path: Path) -> None:
    # Even one whose pid belongs to a living process by now.
    (tmp_path / "up.lock").write_text("1\n")
    assert state.Lock(tmp_path).holder() is None
    state.Lock(tmp_path).acquire()


def test_anybody_may_ask_who_supervises(tmp_path: Path) -> None:
    state.Lock(tmp_path).acquire()
    (tmp_path / "up.lock").chmod(0o444)
    assert state.Lock(tmp_path).holder() == os.getpid()
    assert state.Lock(tmp_path / "elsewhere").holder() is None
    assert not (tmp_path / "elsewhere").exists()


def test_left_over_processes_are_found_by_pid_and_start_time() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        created = psutil.Process(child.pid).create_time()
        known = state.StackState.new()
        known.parts["left"] = state.PartStatus(pid=child.pid, created=created)
        known.parts["reused"] = state.PartStatus(pid=os.getpid(), created=time.time() - 86_400)
        known.parts["never"] = state.PartStatus()
        assert [old.pid for old in state.leftovers(known)] == [child.pid]
    finally:
        child.kill()
        child.wait()
    assert state.leftovers(known) == []
    assert state.leftovers(None) == []

"""Every example of the README that says so runs as it is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.ports import DEFAULT_PORTS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh run(?P<needs>[a-z ]*)\n(?P<script>.*?)```", README, re.DOTALL)
SECONDS = 60

pytestmark = pytest.mark.stack


def _on_free_ports(script: str, stack: EphemeralStack) -> str:
    """The example with the documented ports replaced by those of the stack."""
    names = {str(number): name for name, number in DEFAULT_PORTS.items()}
    return re.sub(
        r"localhost:(\d+)", lambda found: f"localhost:{stack.port(names[found[1]])}", script
    )


def _grpcurl(folder: Path) -> Path:
    """The folder of grpcurl: the one that ``make grpcurl`` built, or that of this machine, or that
    of a stand-in which knows as little beforehand and asks for the same by reflection.
    """
    for file in (ROOT / ".eco2" / "bin" / "grpcurl", Path.home() / "go" / "bin" / "grpcurl"):
        if file.is_file():
            return file.parent
    if found := shutil.which("grpcurl"):
        return Path(found).parent
    standing_in = folder / "grpcurl"
    standing_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.e2e.grpcurl "$@"\n')
    standing_in.chmod(0o755)
    return folder


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize(
    ("needs", "script"), EXAMPLES, ids=[script.splitlines()[0][:40] for _, script in EXAMPLES]
)
def test_example_runs_as_printed(
    needs: str, script: str, stack: EphemeralStack, tmp_path: Path
) -> None:
    path = os.environ["PATH"]
    if "grpcurl" in needs:
        path = f"{_grpcurl(tmp_path)}{os.pathsep}{path}"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", _on_free_ports(script, stack)],
        cwd=ROOT,
        env={**stack.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if "stream_url" in script:
        assert "event: done" in done.stdout
        assert '"status":"completed"' in done.stdout.replace(" ", "")

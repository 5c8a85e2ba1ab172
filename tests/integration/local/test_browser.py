"""`make browser` finds a browser, or says why there is none; it never fails a set-up."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "mesh" / "local" / "browser.sh"
TOOLS = ("sh", "id", "grep", "mktemp", "rm", "tail", "env")


def stand_in(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with the tools the script needs and no browser."""
    for tool in TOOLS:
        there = shutil.which(tool)
        assert there is not None
        (tmp_path / tool).symlink_to(there)
    return tmp_path


def run(folder: Path, **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "ECO2_BROWSER"}
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT)],
        env={**clean, "PATH": str(folder), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_installed_browser_is_found(bare: Path) -> None:
    stand_in(bare, "google-chrome", "exit 1")
    assert f"complete ({bare}/google-chrome)" in run(bare)


def test_named_browser_that_is_missing_is_not_replaced_by_another(bare: Path) -> None:
    stand_in(bare, "chromium", "exit 1")
    said = run(bare, ECO2_BROWSER="my-browser")
    assert "ECO2_BROWSER=my-browser is not there; the browser tests will be skipped" in said


def test_failing_installation_is_told_and_fails_nothing(bare: Path) -> None:
    stand_in(bare, "apt-get", "echo 'E: no network' >&2; exit 100")
    stand_in(bare, "sudo", "shift; exec \"$@\"")  # fmt: skip
    said = run(bare)
    assert "the browser tests will be skipped" in said

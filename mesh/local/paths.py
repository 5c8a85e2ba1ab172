"""Where the one-machine run keeps its files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Paths:
    """Folders of one stack: what is shared by all stacks of a checkout, and what is its own."""

    repository: Path = REPOSITORY
    """The checkout: code, and (under ``.eco2``) what the set-up fetched."""

    home: Path = REPOSITORY / ".eco2"
    """Data, logs and state of this stack. Tests give every session one of its own."""

    @property
    def jars(self) -> Path:
        """Jars of the JVM parts, a folder each."""
        return self.repository / ".eco2" / "jvm"

    @property
    def tls(self) -> Path:
        """Certificate and key of the https listener."""
        return self.repository / ".eco2" / "tls"

    @property
    def python(self) -> Path:
        """The interpreter that runs our processes: this one."""
        return Path(sys.executable)

    @property
    def site_packages(self) -> Path:
        """Where the interpreter's packages live; binaries shipped in wheels are found here."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return Path(sys.prefix) / "lib" / version / "site-packages"

    @property
    def import_path(self) -> str:
        """``PYTHONPATH`` of our processes: the checkout and both trees of generated code."""
        return os.pathsep.join(self.import_roots)

    @property
    def import_roots(self) -> tuple[str, ...]:
        """Folders that hold our packages."""
        code = self.repository
        return tuple(str(root) for root in (code, code / "gen/python", code / "gen/client"))

    def data(self, part: str) -> Path:
        """Data folder of a part."""
        return self.home / "data" / part

    def log(self, part: str) -> Path:
        """Log file of a part (standard output and error)."""
        return self.home / "log" / f"{part}.log"

    @property
    def run(self) -> Path:
        """State of the supervisor and files written for one run (broker and edge settings)."""
        return self.home / "run"


def default(environ: Mapping[str, str] | None = None) -> Paths:
    """Paths of a person's stack; ``ECO2_HOME`` moves its data elsewhere."""
    home = (os.environ if environ is None else environ).get("ECO2_HOME")
    return Paths(home=Path(home).expanduser().resolve()) if home else Paths()

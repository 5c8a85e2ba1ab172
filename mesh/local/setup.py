"""The part of the set-up that runs in Python: imports, jars, certificate.

``mesh/local/setup.sh`` comes first and calls this. Every step says what it did in one line, leaves
alone what is complete, and leaves nothing behind that looks complete when it was interrupted.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mesh.local import tls
from mesh.local.part import SetupError
from mesh.local.parts import envoy
from mesh.local.paths import Paths

JAVA_AT_LEAST = 17
"""Kafka 4's broker runs on Java 17 and newer."""

COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
STAMP = "complete"
JVM_PARTS = ("kafka", "s3proxy")

STARTER = """\
#!/bin/sh
here=$(dirname -- "$(readlink -f -- "$0")")
exec "$here/python" -m services.cli.main "$@"
"""


def imports(paths: Paths) -> str:
    """Let the interpreter find our packages from any folder, and put ``eco2`` beside it."""
    changed = _write(paths.site_packages / "eco2.pth", "\n".join(paths.import_roots) + "\n")
    command = paths.python.parent / "eco2"
    changed |= _write(command, STARTER)
    command.chmod(0o755)
    return "made" if changed else "complete"


def java(paths: Paths) -> str:
    """Check the version of the Java runtime."""
    found = java_version()
    if found is None:
        raise SetupError("java does not run; check JAVA_HOME and the package default-jre-headless")
    if found < JAVA_AT_LEAST:
        raise SetupError(
            f"Java {JAVA_AT_LEAST} or newer is needed, `java` is {found}; put a newer one first "
            "in PATH"
        )
    return f"version {found}"


def java_version() -> int | None:
    """Feature version of ``java``; None when it does not run."""
    try:
        done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r'version "(\d+)', done.stderr)
    return int(match[1]) if match else None


def jars(paths: Paths) -> str:
    """Resolve the jars of Kafka and S3Proxy with Maven, each part into a folder of its own."""
    poms = [paths.repository / "mesh/local/pom.xml"]
    poms += [paths.repository / f"mesh/local/jvm/{part}/pom.xml" for part in JVM_PARTS]
    wanted = hashlib.sha256(b"\0".join(pom.read_bytes() for pom in poms)).hexdigest()
    stamp = paths.jars / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return "complete"
    print(_line("jars", "resolving with Maven"), flush=True)
    unfinished = paths.jars.with_name("jvm.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    done = subprocess.run(
        [
            *("mvn", "--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never"),
            *("--file", str(poms[0]), COPY_JARS, f"-Deco2.jars={unfinished}"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        complaint = next((line for line in done.stdout.splitlines() if "ERROR" in line), "")
        raise SetupError(
            f"Maven could not resolve the jars; check the network, then run it again. {complaint}"
        )
    (unfinished / STAMP).write_text(wanted)
    shutil.rmtree(paths.jars, ignore_errors=True)
    unfinished.rename(paths.jars)
    return "complete"


def certificate(paths: Paths) -> str:
    """A certificate for https on this machine."""
    return "made" if tls.ensure(paths.tls) else "complete"


def edge(paths: Paths) -> str:
    """Envoy's executable is there and may be run."""
    binary = envoy.binary(paths)
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return "complete"


STEPS: Sequence[tuple[str, Callable[[Paths], str]]] = (
    ("eco2 command", imports),
    ("Java", java),
    ("jars", jars),
    ("Envoy", edge),
    ("certificate", certificate),
)


def main() -> int:
    """Run every step; exit code 1 with one line when one needs a person."""
    paths = Paths()
    for name, step in STEPS:
        try:
            outcome = step(paths)
        except SetupError as error:
            print(f"setup: {error}", file=sys.stderr)
            return 1
        print(_line(name, outcome), flush=True)
    return 0


def _line(step: str, outcome: str) -> str:
    return f"setup  {step:<17} {outcome}"


def _write(file: Path, text: str) -> bool:
    """Write `file` unless it says so already; True when it was written."""
    if file.is_file() and file.read_text() == text:
        return False
    file.write_text(text)
    return True


if __name__ == "__main__":
    sys.exit(main())

"""The set-up with stand-ins for the package managers: what it does about missing and broken steps.

The stand-ins are small scripts in a folder that is all of PATH; they note their calls and fail when
a test asks for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.local import setup
from mesh.local.part import SetupError
from mesh.local.paths import REPOSITORY, Paths

TOOLS = (
    *("sh", "cat", "dirname", "env", "flock", "grep", "mkdir", "mktemp", "pwd", "rm", "sha256sum"),
    *("tail", "tee", "chmod", "readlink", "ls"),
)
PROGRAMS = ("setpriv", "java", "mvn", "redis-server", "tesseract")

PYTHON = """\
echo "python3 $*" >>"$JOURNAL"
case "$*" in
-V) echo "Python 3.11.2" ;;
*"-m venv"*)
    for last; do :; done
    mkdir -p "$last/bin" && cat "$0" >"$last/bin/python" && chmod 755 "$last/bin/python" ;;
*"pip install"*) [ -z "${PIP_FAILS:-}" ] ;;
esac
"""


class Machine:
    """A checkout in a folder with a space in its name, on a machine of stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "my checkout"
        self.bin = folder / "bin"
        self.journal = folder / "journal"
        self.bin.mkdir(parents=True)
        (self.checkout / "mesh/local").mkdir(parents=True)
        shutil.copy(REPOSITORY / "mesh/local/setup.sh", self.checkout / "mesh/local")
        self.lock("one==1")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None, tool
            (self.bin / tool).symlink_to(found)
        for program in PROGRAMS:
            self.program(program, "")
        self.program("python3", PYTHON)
        self.program("id", "echo 1000")

    def program(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)

    def lock(self, text: str) -> None:
        (self.checkout / "requirements-dev.txt").write_text(text)

    def setup(self, **environ: str) -> subprocess.CompletedProcess[str]:
        self.journal.write_text("")
        return subprocess.run(
            ["sh", str(self.checkout / "mesh/local/setup.sh")],
            env={
                "PATH": str(self.bin),
                "JOURNAL": str(self.journal),
                "ECO2_PYTHON": "python3",
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return self.journal.read_text().splitlines()

    @property
    def installs(self) -> list[str]:
        return [call for call in self.calls if "pip install" in call]

    @property
    def made(self) -> list[str]:
        return [call for call in self.calls if "-m venv" in call]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_complete_set_up_is_left_alone(machine: Machine) -> None:
    first = machine.setup()
    assert first.returncode == 0, first.stderr
    assert len(machine.made) == len(machine.installs) == 1
    second = machine.setup()
    assert second.returncode == 0, second.stderr
    assert machine.made == machine.installs == []
    assert machine.calls[-1] == "python3 -m mesh.local.setup"


def test_an_interrupted_installation_is_done_again(machine: Machine) -> None:
    broken = machine.setup(PIP_FAILS="yes")
    assert broken.returncode == 1
    assert "check the network, then run it again" in broken.stderr.splitlines()[-1]
    repaired = machine.setup()
    assert repaired.returncode == 0, repaired.stderr
    assert machine.made == []  # the environment itself was fine
    assert len(machine.installs) == 1


def test_an_environment_without_a_working_pip_is_made_anew(machine: Machine) -> None:
    (machine.checkout / ".venv/bin").mkdir(parents=True)
    (machine.checkout / ".venv/bin/python").touch()  # as a killed `python3 -m venv` leaves it
    assert machine.setup().returncode == 0
    assert machine.made == ["python3 -m venv --clear .venv"]


def test_a_changed_lock_file_is_installed(machine: Machine) -> None:
    machine.setup()
    machine.lock("one==2")
    assert machine.setup().returncode == 0
    assert machine.made == []
    assert len(machine.installs) == 1


def test_a_moved_checkout_gets_a_new_environment(machine: Machine) -> None:
    machine.setup()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    assert machine.setup().returncode == 0
    assert machine.made == ["python3 -m venv --clear .venv"]


def test_without_root_the_command_to_ask_for_is_named(machine: Machine) -> None:
    (machine.bin / "redis-server").unlink()
    (machine.bin / "mvn").unlink()
    machine.program("apt-get", "exit 1")
    refused = machine.setup()
    assert refused.returncode == 1
    line = refused.stderr.splitlines()[-1]
    assert "apt-get install --no-install-recommends maven redis-server" in line
    assert machine.installs == []


def test_without_network_the_first_step_says_so(machine: Machine) -> None:
    (machine.bin / "redis-server").unlink()
    machine.program("id", "echo 0")
    machine.program("dpkg", "")
    machine.program("apt-get", 'echo "Temporary failure resolving" >&2; exit 100')
    refused = machine.setup()
    assert refused.returncode == 1
    assert "check the network" in refused.stderr.splitlines()[-1]
    assert "Temporary failure resolving" in refused.stderr


def test_an_old_python_is_refused_with_its_version(machine: Machine) -> None:
    machine.program(
        "python3", 'case "$*" in -V) echo "Python 3.9.2" ;; *version_info*) exit 1 ;; esac'
    )
    refused = machine.setup()
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].endswith("python3 is Python 3.9.2")


def test_a_machine_that_is_not_debian_is_told_what_to_install(machine: Machine) -> None:
    (machine.bin / "tesseract").unlink()
    refused = machine.setup()
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].endswith("tesseract-ocr")


# --- jars ------------------------------------------------------------------------------------

MAVEN = """\
for word; do case "$word" in -Deco2.jars=*) jars=${word#-Deco2.jars=} ;; esac; done
mkdir -p "$jars/kafka" "$jars/s3proxy"
: >"$jars/kafka/kafka_2.13-9.9.jar"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Paths:
    paths = Paths(repository=tmp_path / "a checkout")
    for pom in ("pom.xml", "jvm/kafka/pom.xml", "jvm/s3proxy/pom.xml"):
        file = paths.repository / "mesh/local" / pom
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pom)
    return paths


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    folder = tmp_path / "maven"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(body: str) -> None:
        (folder / "mvn").write_text(f"#!/bin/sh\n{body}\n")
        (folder / "mvn").chmod(0o755)

    return install


def test_jars_are_complete_only_when_all_of_them_came(
    checkout: Paths, maven: Callable[[str], None]
) -> None:
    maven(f"{MAVEN}\necho '[ERROR] the repository does not answer'\nexit 1")
    with pytest.raises(SetupError, match=r"check the network.*does not answer"):
        setup.jars(checkout)
    assert not checkout.jars.exists()
    maven(MAVEN)
    setup.jars(checkout)
    assert (checkout.jars / "kafka/kafka_2.13-9.9.jar").is_file()


def test_jars_are_resolved_again_when_a_version_changes(
    checkout: Paths, maven: Callable[[str], None]
) -> None:
    maven(MAVEN)
    setup.jars(checkout)
    (checkout.jars / "kafka/old.jar").touch()
    maven("exit 1")
    setup.jars(checkout)  # complete: Maven is not asked
    (checkout.repository / "mesh/local/jvm/kafka/pom.xml").write_text("newer")
    maven(MAVEN)
    setup.jars(checkout)
    assert not (checkout.jars / "kafka/old.jar").exists()

"""The check that `make protos` runs against main notices what would break clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from services.cli.gen import ROOT

COMMITTED = ROOT / "gen" / "descriptor" / "eco2.binpb"
FILE = "eco2/users/v1/users_service.proto"
Files = descriptor_pb2.FileDescriptorSet


def message_of(files: Files, name: str) -> descriptor_pb2.DescriptorProto:
    [file] = [file for file in files.file if file.name == FILE]
    [message] = [message for message in file.message_type if message.name == name]
    return message


def field_is_removed(files: Files) -> None:
    del message_of(files, "GetMeResponse").field[0]


def field_changes_its_type(files: Files) -> None:
    total = message_of(files, "GetMyPointsResponse").field[0]
    total.type = descriptor_pb2.FieldDescriptorProto.TYPE_STRING


def field_is_renamed(files: Files) -> None:
    field = message_of(files, "GetMeResponse").field[0]
    field.name, field.json_name = "user_name", "userName"


def method_is_removed(files: Files) -> None:
    [file] = [file for file in files.file if file.name == FILE]
    del file.service[0].method[0]


def nothing_changes(files: Files) -> None:
    """The image as it is."""


def breaking(tmp_path: Path, change: Callable[[Files], None]) -> subprocess.CompletedProcess[str]:
    files = Files.FromString(COMMITTED.read_bytes())
    change(files)
    changed = tmp_path / "changed.binpb"
    changed.write_bytes(files.SerializeToString())
    buf = Path(sys.executable).with_name("buf")
    return subprocess.run(
        [buf, "breaking", changed, "--against", COMMITTED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "change", [field_is_removed, field_changes_its_type, field_is_renamed, method_is_removed]
)
def test_break_is_noticed(tmp_path: Path, change: Callable[[Files], None]) -> None:
    done = breaking(tmp_path, change)
    assert done.returncode != 0
    assert "users_service.proto" in done.stdout


def test_no_change_is_no_break(tmp_path: Path) -> None:
    done = breaking(tmp_path, nothing_changes)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_and_ci_run_the_check_with_main_at_hand() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "buf breaking gen/descriptor/eco2.binpb --against" in makefile
    assert "fetch-depth: 0" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()

"""The commands that try the system: what they say when something is wrong is one line."""

from __future__ import annotations

import asyncio
import json

import pytest

from mesh.local.parts import python
from services.cli.demo import SAMPLE
from tests.e2e.world import World

pytestmark = pytest.mark.stack

PHOTO = str(SAMPLE)


async def eco2(world: World, *words: str) -> tuple[int, str, str]:
    """Run a command on the stack; exit code, output and errors."""
    stack = world.stack
    child = await asyncio.create_subprocess_exec(
        *python.command(stack.paths, *words),
        env={**stack.environ, **python.variables(stack.paths)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(child.communicate(), 90)
    assert child.returncode is not None
    return child.returncode, out.decode(), errors.decode()


async def test_scan_and_watch(world: World) -> None:
    token = await world.token("alice")
    code, out, _ = await eco2(world, "scan", PHOTO, "--token", token, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["status"] == "completed"
    code, out, _ = await eco2(world, "watch", document["task_id"], "--token", token, "--json")
    assert code == 0
    assert '"done"' in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scan", PHOTO, "--token", "bad"), "401 TOKEN_INVALID"),
        (("scan", __file__), "415 IMAGE_TYPE_UNSUPPORTED"),
        (("scan", PHOTO, "--token", "x", "--base-url", "nonsense"), "base URL"),
        (("scan", PHOTO, "--token", "x", "--base-url", "ftp://a"), "base URL"),
        (("scan", PHOTO, "--token", "x", "--base-url", "http://localhost:1"), "does not answer"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    world: World, words: tuple[str, ...], said: str
) -> None:
    code, _, errors = await eco2(world, *words)
    assert code == 1
    (line,) = errors.splitlines()
    assert line.startswith("eco2: ")
    assert said in line

"""A job with the stack around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TextIO

from mesh.local import run, state
from mesh.local.part import SetupError
from mesh.local.paths import Paths
from mesh.local.status import measure


def run_demo(
    job: run.Job,
    paths: Paths,
    environ: Mapping[str, str],
    *,
    out: TextIO,
    err: TextIO,
) -> int:
    """Do `job` on the stack of this checkout and return its exit code.

    A stack that is up already is used and left up; otherwise one is started, and stopped again
    whatever the job does. 1, with one line on `err`, when the stack can't be used.
    """
    if state.Lock(paths.run).holder() is None:
        try:
            stack = run.supervisor(paths, environ, out)
        except SetupError as error:
            print(error, file=err)
            return 1
        return asyncio.run(run.foreground(stack, job, err=err))
    found = measure(paths)
    if not found.up:
        print(
            f"the stack is there but not ready ({found.phase}); see `eco2 status`, or stop it "
            "with `eco2 down`",
            file=err,
        )
        return 1

    async def on_running_stack() -> int:
        return await job()

    return asyncio.run(on_running_stack())

"""A process with one slow component, for the tests of the process's phases.

Waits for a line on standard input inside a call, so that a test decides when the call ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from eco2.progress.v1 import progress_service_pb2 as pb
from eco2.progress.v1 import progress_service_pb2_grpc as grpc_pb

from services.runtime.component import Background, Component, GrpcService
from services.runtime.context import ProcessContext
from services.runtime.process import run
from services.runtime.settings import RuntimeSettings


class SlowProgress(grpc_pb.ProgressServiceServicer):
    """Streams one event at once and one when told to, or both when asked to."""

    async def WatchJob(
        self, request: pb.WatchJobRequest, context: Any
    ) -> AsyncIterator[pb.WatchJobResponse]:
        """Two events."""
        yield pb.WatchJobResponse()
        if request.last_event_id != "at once":
            await asyncio.to_thread(sys.stdin.readline)
        yield pb.WatchJobResponse()


async def build(context: ProcessContext, *, broken: bool, astray: bool, deaf: bool) -> Component:
    """The component; its background work fails at once (`broken`), is cancelled by what it waits
    for (`astray`) or ignores its end (`deaf`).
    """

    async def work() -> None:
        if broken:
            raise RuntimeError("background work is broken")
        if astray:
            lost = asyncio.get_running_loop().create_future()
            lost.cancel()
            await lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not deaf:
                    raise

    return Component(
        name="progress",
        services=(
            GrpcService(
                full_name="eco2.progress.v1.ProgressService",
                add=partial(grpc_pb.add_ProgressServiceServicer_to_server, SlowProgress()),
            ),
        ),
        background=(Background(name="work", run=work),),
    )


if __name__ == "__main__":
    broken, astray, deaf = (mode in sys.argv for mode in ("broken", "astray", "deaf"))
    builder = partial(build, broken=broken, astray=astray, deaf=deaf)
    sys.exit(run("slow", [builder], RuntimeSettings(), "metrics_serve"))

"""The progress component: WatchJob, the SSE bridge, and the tail that feeds both."""

from __future__ import annotations

from functools import partial

from eco2.progress.v1 import progress_service_pb2_grpc

from edge.progress.core import ProgressCore
from edge.progress.jobs import ChatJobs, ScanJobs
from edge.progress.service import ProgressServicer
from edge.progress.settings import ProgressSettings
from edge.progress.sse import SseBridge
from services.runtime import routes
from services.runtime.component import Background, Component, GrpcService, HttpApp
from services.runtime.context import ProcessContext


async def build(context: ProcessContext) -> Component:
    """Build the component.

    Redis is no condition of readiness: without it streams stay open and go on by replay when it is
    back, while a refused one would never be opened again by a browser.
    """
    settings = context.settings(ProgressSettings)
    core = ProgressCore(
        commands=context.redis("command"),
        blocking=context.redis("blocking"),
        sources={
            "scan": ScanJobs(context.channel("scan")),
            "chat": ChatJobs(context.channel("chat")),
        },
        settings=settings,
    )
    return Component(
        name="progress",
        services=(
            GrpcService(
                full_name="eco2.progress.v1.ProgressService",
                add=partial(
                    progress_service_pb2_grpc.add_ProgressServiceServicer_to_server,
                    ProgressServicer(core),
                ),
            ),
        ),
        http=(HttpApp(port="progress_sse", app=SseBridge(core, settings, routes.sse_templates())),),
        background=(
            Background(name="progress tail", run=core.run_tail),
            Background(name="progress clock", run=core.run_clock),
            Background(name="progress endings", run=core.run_endings),
        ),
        drain=core.drain,
    )

"""The gRPC server of a process: every component's services on every component's ports, over HTTP/2
for everybody and over HTTP/1.1 for the edge's reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc.aio
from grpc_reflection.v1alpha import reflection

from services.runtime import logs, telemetry
from services.runtime.component import Component
from services.runtime.grpc_http1 import CallListener
from services.runtime.health import Health
from services.runtime.interceptors.deadline import deadline
from services.runtime.interceptors.errors import errors
from services.runtime.interceptors.identity import identity
from services.runtime.interceptors.layers import Layers
from services.runtime.interceptors.logging import logging
from services.runtime.interceptors.metrics import metrics
from services.runtime.interceptors.validation import validation
from services.runtime.ports import port, reads_port, socket_path
from services.runtime.settings import RuntimeSettings

log = logs.get(__name__)

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),  # a taken port must be an error, not a share of the traffic
    ("grpc.max_receive_message_length", 12 * 1024 * 1024),  # an image of 10 MiB and its frame
    # Above what the edge lets through in headers: gRPC's default of 8 KiB refuses calls at random
    # from there on, and a browser's cookies may be larger.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_connection_age_ms", 30 * 60_000),  # lets clients spread over new replicas
    ("grpc.max_connection_age_grace_ms", 5 * 60_000),
)


class GrpcServer:
    """Serves the components that have services; does nothing when none has."""

    def __init__(
        self, settings: RuntimeSettings, components: Sequence[Component], health: Health
    ) -> None:
        self._settings = settings
        self._components = [component for component in components if component.services]
        self._health = health
        self._server: grpc.aio.Server | None = None
        self._reads: list[CallListener] = []
        self._closing_idle: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen; RuntimeError naming the port when it is taken."""
        if not self._components:
            return
        layers = Layers(
            (
                metrics,
                errors,
                logging,
                deadline(self._settings.default_deadline_seconds),
                identity,
                validation,
            )
        )
        self._server = grpc.aio.server(
            interceptors=telemetry.server_interceptors(), options=OPTIONS
        )
        self._health.add_to(self._server)
        layered = layers.around(self._server)
        names = [reflection.SERVICE_NAME, *self._health.service_names]
        for component in self._components:
            for service in component.services:
                service.add(layered)
                names.append(service.full_name)
        reflection.enable_server_reflection(names, self._server)
        for component in self._components:
            address = f"{self._settings.bind_host}:{port(component.name)}"
            try:
                self._server.add_insecure_port(address)
            except RuntimeError:
                raise RuntimeError(
                    f"{address} ({component.name}) is taken; "
                    f"stop what listens there or set ECO2_PORT_{component.name.upper()}"
                ) from None
        await self._server.start()
        for component in self._components:
            number = reads_port(component.name)
            if number is not None:
                listener = CallListener(
                    layers.methods,
                    self._settings.bind_host,
                    number,
                    socket_path(f"{component.name}_reads"),
                )
                self._reads.append(listener)
                await listener.listen()
                self._closing_idle.append(asyncio.create_task(listener.close_idle()))

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls and wait for those in flight."""
        if self._server is not None:
            await asyncio.gather(
                self._server.stop(grace_seconds),
                *(listener.drain(grace_seconds) for listener in self._reads),
            )
            for listener in self._reads:
                listener.close()
            for task in self._closing_idle:
                task.cancel()
            await asyncio.gather(*self._closing_idle, return_exceptions=True)

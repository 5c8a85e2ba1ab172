"""What a process is made of: components, each with its servers, background work and readiness."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc.aio

    from services.runtime.context import ProcessContext

Check = Callable[[], Awaitable[None]]
"""Raises when a dependency can't be used right now."""

Scope = dict[str, Any]
ASGIApplication = Callable[
    [Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]
"""An ASGI 3 application."""


@dataclass(frozen=True, kw_only=True)
class GrpcService:
    """One gRPC service and how it is added to a server."""

    full_name: str
    """For example ``eco2.scan.v1.ScanService``."""
    add: Callable[[grpc.aio.Server], None]


@dataclass(frozen=True, kw_only=True)
class HttpApp:
    """An ASGI application and the name of its port in ``services/runtime/ports.py``."""

    port: str
    app: ASGIApplication


@dataclass(frozen=True, kw_only=True)
class Background:
    """Work that runs until it is cancelled; an exception from it ends the process."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, kw_only=True)
class Component:
    """A domain, an edge server or a worker; several may share a process."""

    name: str
    """Also the name of its gRPC port where it has services."""
    services: tuple[GrpcService, ...] = ()
    http: tuple[HttpApp, ...] = ()
    background: tuple[Background, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Readiness by dependency name."""
    drain: Callable[[float], Awaitable[None]] | None = None
    """Refuse new work and finish what is in flight within so many seconds."""
    close: Callable[[], Awaitable[None]] | None = None
    """Release what the component opened itself."""


Builder = Callable[["ProcessContext"], Awaitable[Component]]
"""Makes a component from what the process shares."""

"""A method as the layers see it, and what they wrap."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import grpc.aio
from eco2.options.v1 import options_pb2
from eco2.options.v1.options_pb2 import Access
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor


@dataclass(frozen=True, slots=True)
class Method:
    """What is stated about a method in its proto file."""

    path: str
    """``/package.Service/Method``."""
    service: str
    name: str
    access: Access.ValueType
    timeout_seconds: float
    """Server-side deadline; 0 where the server's default applies, and for streams none."""
    streaming: bool
    request: Descriptor | None
    """Type of the request; None for methods that are in no descriptor."""
    success_status: int = 0
    """HTTP status of a success at the edge; 0 for 200."""
    other_statuses: frozenset[int] = frozenset()
    """HTTP statuses that a servicer may choose instead."""


Call = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[Any]]
"""Serves one call. A unary one returns the response, a streaming one writes to the context."""


class Layer(Protocol):
    """Wraps the call of a method into another call."""

    def __call__(self, method: Method, call: Call) -> Call:
        """The wrapped call."""


@cache
def method_of(path: str) -> Method:
    """The method of a path; an unknown one is internal without a deadline."""
    _, service, name = path.split("/")
    try:
        descriptor = descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    except KeyError:
        return Method(path, service, name, options_pb2.ACCESS_INTERNAL, 0.0, False, None)
    options = descriptor.GetOptions()
    return Method(
        path=path,
        service=service,
        name=name,
        access=options.Extensions[options_pb2.access],
        timeout_seconds=options.Extensions[options_pb2.timeout_ms] / 1000,
        streaming=descriptor.server_streaming,
        request=descriptor.input_type,
        success_status=options.Extensions[options_pb2.success_status],
        other_statuses=frozenset(options.Extensions[options_pb2.other_statuses]),
    )

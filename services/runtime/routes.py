"""What is served where, read from the compiled descriptors: the only list of paths there is.

``gen/descriptor/eco2.binpb`` says of every method its ``google.api.http`` bindings and its
``eco2.options.v1`` access, time limit and event-stream paths. The edge builder, ext-authz, the
server's access check, the OpenAPI generator and the contract tests all read it here. The module
needs protobuf only, and its lookups are made for ext-authz's hot path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from eco2.options.v1 import options_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

from services.runtime.path_template import PathTemplate, parse

Access = Literal["public", "session", "internal"]

DESCRIPTOR: Final = Path(__file__).resolve().parents[2] / "gen" / "descriptor" / "eco2.binpb"
"""The descriptor set `eco2 gen` writes, imports and comments included."""

ARRAY_FIELD: Final = "items"
"""Name of the field that becomes a top-level array when a response has no other."""

_ACCESS: Final[Mapping[int, Access]] = {
    options_pb2.ACCESS_PUBLIC: "public",
    options_pb2.ACCESS_SESSION: "session",
}
"""Everything else, a forgotten option included, is internal."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to call a method: an HTTP binding of it, or none where it has none."""

    rpc: str
    """Full path of the method on gRPC, ``/eco2.scan.v1.ScanService/SubmitScan``."""

    service: str
    """Full name of the service, ``eco2.scan.v1.ScanService``."""

    method: str
    """Name of the method, ``SubmitScan``."""

    access: Access
    """Who may call it."""

    http_method: str | None
    """Verb of the binding, upper case; None for a method without an HTTP face."""

    template: str | None
    """Path template of the binding."""

    path: PathTemplate | None
    """The template, parsed."""

    body: str
    """Field the body goes to; ``*`` for the whole request, empty for none."""

    timeout_ms: int
    """Server-side time limit; 0 for the server's default, and none for streams."""

    streaming: bool
    """Whether the method streams responses."""

    sse_paths: tuple[str, ...]
    """Templates of GET paths that serve the same stream as server-sent events."""

    success_status: int = 0
    """HTTP status of a success; 0 for 200."""

    other_statuses: tuple[int, ...] = ()
    """HTTP statuses that an answer may have instead."""

    array: str = ""
    """Field whose array is the whole body over HTTP; empty where the body is an object. It is
    :data:`ARRAY_FIELD` for methods whose response has no other."""

    @property
    def domain(self) -> str:
        """Domain that serves the method, ``scan``; also the name of its gRPC port."""
        return self.service.split(".")[1]

    @property
    def regex(self) -> re.Pattern[str] | None:
        """Pattern that fullmatches paths of the binding."""
        return None if self.path is None else self.path.regex


class RouteTable:
    """Routes with lookups by HTTP request and by gRPC path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_rpc = {route.rpc: route for route in reversed(self.routes)}
        self._literal: dict[tuple[str, str], Route] = {}
        self._patterns: dict[str, dict[int, list[tuple[PathTemplate, Route]]]] = {}
        self._open_ended: dict[str, list[tuple[PathTemplate, Route]]] = {}
        for verb, path, route in self._bindings():
            if path.literal:
                self._literal[verb, path.text] = route
            elif path.segments[-1] == "**":
                self._open_ended.setdefault(verb, []).append((path, route))
            else:
                by_length = self._patterns.setdefault(verb, {})
                by_length.setdefault(len(path.segments), []).append((path, route))
        for entries in (
            *self._open_ended.values(),
            *(found for by_length in self._patterns.values() for found in by_length.values()),
        ):
            entries.sort(key=lambda entry: entry[0].precedence)
        self.verbs = tuple(sorted({verb for verb, _, _ in self._bindings()}))

    def _bindings(self) -> Iterator[tuple[str, PathTemplate, Route]]:
        """Every (verb, template, route), event-stream paths included."""
        seen: set[str] = set()
        for route in self.routes:
            if route.http_method is not None and route.path is not None:
                yield route.http_method, route.path, route
            if route.rpc not in seen:
                seen.add(route.rpc)
                for template in route.sse_paths:
                    yield "GET", parse(template), route

    def route_for(self, http_method: str, path: str) -> Route | None:
        """Route an HTTP request takes, event streams included; `path` carries no query.

        None for a path nobody serves and for a verb the path does not take.
        """
        found = self._literal.get((http_method, path))
        if found is not None:
            return found
        for template, route in self._patterns.get(http_method, {}).get(path.count("/"), ()):
            if template.regex.fullmatch(path):
                return route
        for template, route in self._open_ended.get(http_method, ()):
            if template.regex.fullmatch(path):
                return route
        return None

    def route_of_rpc(self, rpc: str) -> Route | None:
        """First route of the method with the gRPC path `rpc`."""
        return self._by_rpc.get(rpc)

    def access_of_rpc(self, rpc: str) -> Access | None:
        """Who may call the method with the gRPC path `rpc`; None when there is no such method."""
        route = self._by_rpc.get(rpc)
        return None if route is None else route.access

    def allowed_verbs(self, path: str) -> tuple[str, ...]:
        """Verbs that `path` takes, sorted; empty for an unknown path."""
        return tuple(verb for verb in self.verbs if self.route_for(verb, path) is not None)

    def sse_templates(self) -> tuple[str, ...]:
        """Templates of all event-stream paths, in the order of their definition."""
        return tuple(dict.fromkeys(t for route in self.routes for t in route.sse_paths))


def load(descriptor: Path = DESCRIPTOR) -> RouteTable:
    """Read the routes of our services from a FileDescriptorSet file."""
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor.read_bytes())
    ours = [file for file in files.file if file.package.startswith("eco2.")]
    arrays = {
        f".{file.package}.{message.name}"
        for file in ours
        for message in file.message_type
        if [field.name for field in message.field] == [ARRAY_FIELD]
    }
    return RouteTable(
        route
        for file in ours
        for service in file.service
        for method in service.method
        for route in _routes_of(
            f"{file.package}.{service.name}",
            method,
            ARRAY_FIELD if method.output_type in arrays else "",
        )
    )


def _routes_of(
    service: str, method: descriptor_pb2.MethodDescriptorProto, array: str
) -> Iterator[Route]:
    option: Any = method.options.Extensions  # the generated types do not know extensions
    bindings = _bindings_of(option[annotations_pb2.http])
    for verb, template, body in bindings or [(None, None, "")]:
        yield Route(
            rpc=f"/{service}/{method.name}",
            service=service,
            method=method.name,
            access=_ACCESS.get(option[options_pb2.access], "internal"),
            http_method=verb,
            template=template,
            path=None if template is None else parse(template),
            body=body,
            timeout_ms=option[options_pb2.timeout_ms],
            streaming=method.server_streaming,
            sse_paths=tuple(option[options_pb2.event_stream].paths),
            success_status=option[options_pb2.success_status],
            other_statuses=tuple(option[options_pb2.other_statuses]),
            array=array,
        )


def _bindings_of(rule: http_pb2.HttpRule) -> list[tuple[str | None, str | None, str]]:
    """(verb, template, body) of a rule and its additional bindings."""
    found: list[tuple[str | None, str | None, str]] = []
    kind = rule.WhichOneof("pattern")
    if kind == "custom":
        found.append((rule.custom.kind.upper(), rule.custom.path, rule.body))
    elif kind is not None:
        found.append((kind.upper(), getattr(rule, kind), rule.body))
    for additional in rule.additional_bindings:
        found.extend(_bindings_of(additional))
    return found


@lru_cache(maxsize=1)
def table() -> RouteTable:
    """The table of this build, read once a process."""
    return load()


def routes() -> tuple[Route, ...]:
    """Every route of this build, in the order of its definition."""
    return table().routes


def route_for(http_method: str, path: str) -> Route | None:
    """Route of an HTTP request in this build; see :meth:`RouteTable.route_for`."""
    return table().route_for(http_method, path)


def access_of_rpc(rpc: str) -> Access | None:
    """Access of a gRPC path in this build; see :meth:`RouteTable.access_of_rpc`."""
    return table().access_of_rpc(rpc)


def sse_templates() -> tuple[str, ...]:
    """Event-stream templates of this build; see :meth:`RouteTable.sse_templates`."""
    return table().sse_templates()

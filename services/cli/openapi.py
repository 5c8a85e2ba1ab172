"""OpenAPI 3.1 documents of the edge, generated from the descriptor set.

Paths, parameters, bodies and access come from the methods and their options, descriptions from the
comments, error responses from the reasons an RPC's comment names (``Errors: JOB_NOT_FOUND, …``).
What descriptors can't say, the members of a free-form document, stands in ``openapi_overlay.yaml``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import descriptor_pb2

from edge.authz.rules import PING
from edge.docs.pages import MERGED, health_path, prefixes
from services.cli import openapi_edge, openapi_events
from services.cli.openapi_errors import (
    ANY_REASONS,
    BODY_REASONS,
    STATUS_SCHEMA,
    example,
    named_reasons,
    refusals,
)
from services.cli.openapi_examples import attach
from services.cli.openapi_schemas import Json, Schemas, Source
from services.runtime.path_template import parse
from services.runtime.routes import Route, load

VERSION: Final = "0.1.0"
OVERLAY: Final = Path(__file__).with_name("openapi_overlay.yaml")

_IDEMPOTENCY_KEY: Final = "X-Idempotency-Key"


def write_documents(descriptor: Path, target: Path) -> None:
    """Write one document per domain and the merged one to the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for name, document in documents(descriptor).items():
        text = json.dumps(document, ensure_ascii=False, indent=2)
        (target / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def documents(descriptor: Path) -> dict[str, Json]:
    """Documents by name: a domain's, or :data:`MERGED`."""
    table = load(descriptor)
    source = Source(descriptor_pb2.FileDescriptorSet.FromString(descriptor.read_bytes()))
    served = [r for r in table.routes if r.access != "internal" and (r.path or r.sse_paths)]
    domains = sorted({route.domain for route in served})
    begin = prefixes(table)
    made = {
        domain: _document(source, served, {domain: begin[domain]}, domain) for domain in domains
    }
    made[MERGED] = _document(source, served, {domain: begin[domain] for domain in domains}, "")
    return made


def _document(source: Source, served: list[Route], prefix_of: Mapping[str, str], only: str) -> Json:
    """The document of the domain `only`, or of all; `prefix_of` begins the paths of each."""
    schemas = Schemas(source)
    paths: Json = {}
    seen: set[str] = set()
    for route in served:
        name = _operation_id(route, first=route.rpc not in seen)
        seen.add(route.rpc)
        for template, verb, operation in _operations(source, schemas, route, name):
            if only in ("", route.domain, *operation["tags"]):
                paths.setdefault(template, {})[verb] = operation
    for domain, prefix in prefix_of.items():
        paths[health_path(prefix)] = {"get": openapi_edge.health(domain)}
    if not only:
        paths[PING[1]] = {"get": openapi_edge.ping()}
    domains = list(prefix_of)
    services = {route.domain: route.service for route in served}
    referred = _references(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"eco2 {only}".rstrip(),
            "version": VERSION,
            "description": _overlay()["description"],
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": domain, "description": source.comment(services[domain])} for domain in domains
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": _schemas(source, schemas, referred["schemas"]),
            "examples": {name: {"value": example(name)} for name in sorted(referred["examples"])},
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "s_access"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _references(value: Json) -> dict[str, set[str]]:
    """Names of the components that a piece of a document refers to, by kind."""
    found: dict[str, set[str]] = {"schemas": set(), "examples": set()}
    for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(value)):
        found[kind].add(name)
    return found


def _schemas(source: Source, schemas: Schemas, names: set[str]) -> Json:
    """The named schemas and those they refer to; the overlay may refer to messages."""
    found: Json = {}
    queue = sorted(names)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        known = {"Status": STATUS_SCHEMA, **_overlay()["schemas"], **schemas.components()}
        if name not in known:
            domain, _, message = name.partition(".")
            schemas.reference(f"eco2.{domain}.v1.{message}", "response")
            known = schemas.components()
        found[name] = known[name]
        queue += sorted(_references(known[name])["schemas"])
    return dict(sorted(found.items()))


def _operations(
    source: Source, schemas: Schemas, route: Route, name: str
) -> Iterable[tuple[str, str, Json]]:
    """(path, verb, operation) of a route, event streams included; `name` is its operation id."""
    if route.path is not None and route.template is not None and route.http_method is not None:
        operation = _unary(source, schemas, route, name)
        attach(operation, f"{route.domain}.{route.method}")
        yield _plain(route.template), route.http_method.lower(), operation
    for template in route.sse_paths:
        operation = _event_stream(source, schemas, route, template)
        attach(operation, f"{route.domain}.{route.method}")
        yield _plain(template), "get", operation


def _plain(template: str) -> str:
    """The template without patterns in its variables."""
    return re.sub(r"\{([\w.]+)=[^{}]*\}", r"{\1}", template)


def _unary(source: Source, schemas: Schemas, route: Route, operation_id: str) -> Json:
    request, response = _types(source, route)
    comment = source.comment(f"{route.service}.{route.method}")
    variables = route.path.variables if route.path else ()
    operation = _described(route, comment, operation_id)
    parameters = [_parameter(schemas, request, name, "path") for name in variables]
    if route.body == "":
        others = [f.name for f in source.messages[request].field if f.name not in variables]
        parameters += [_parameter(schemas, request, name, "query") for name in others]
    if _IDEMPOTENCY_KEY in comment:
        parameters.append(
            {
                "name": _IDEMPOTENCY_KEY,
                "in": "header",
                "description": "Chosen by the client; a repetition gets the first answer.",
                "schema": {"type": "string", "maxLength": 128},
            }
        )
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = _body(schemas, request, route.body, variables)
    reasons = [*named_reasons(comment), *ANY_REASONS]
    if route.body or parameters:
        reasons += BODY_REASONS
    if schemas.has_rules(request):
        reasons.append("VALIDATION_FAILED")
    operation["responses"] = {
        **_success(source, schemas, route, response),
        **refusals(reasons, session=route.access == "session"),
    }
    return operation


def _operation_id(route: Route, *, first: bool) -> str:
    """Unique name of a binding; those after the first of a method carry the last word of their
    path.
    """
    name = f"{route.domain}_{route.method}"
    if first or route.template is None:
        return name
    return f"{name}_{route.template.rpartition('/')[2]}"


def _described(route: Route, comment: str, operation_id: str) -> Json:
    text = re.sub(r"\s*Errors: [A-Z_, ]+\.", "", comment)
    summary = text.split(". ")[0].rstrip(".").removeprefix(f"{route.method} ")
    return {
        "operationId": operation_id,
        "tags": [route.domain],
        "summary": summary[:1].upper() + summary[1:],
        "description": text,
        "security": [] if route.access == "public" else openapi_edge.SESSION,
    }


def _types(source: Source, route: Route) -> tuple[str, str]:
    """Full names of the request and response messages."""
    method = source.methods[f"{route.service}.{route.method}"]
    return method.input_type[1:], method.output_type[1:]


def _parameter(schemas: Schemas, message: str, name: str, place: str) -> Json:
    schema, required = schemas.field(message, name, "request")
    parameter: Json = {"name": name, "in": place}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    if place == "path" or required:
        parameter["required"] = True
    return {**parameter, "schema": schema}


def _body(schemas: Schemas, request: str, body: str, variables: tuple[str, ...]) -> Json:
    if body != "*":
        schema, _ = schemas.field(request, body, "request")
        required = True
    else:
        inline = schemas.object(request, "request", variables)
        required = bool(inline.get("required"))
        schema = inline if variables else schemas.reference(request, "request")
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _success(source: Source, schemas: Schemas, route: Route, response: str) -> Json:
    overlaid: Json | None = _overlay()["responses"].get(route.rpc)
    if overlaid is not None:
        return deepcopy(overlaid)
    if response == "google.protobuf.Empty":
        return {str(route.success_status or 200): {"description": "Done."}}
    schema = schemas.reference(response, "response")
    if route.array:
        schema, _ = schemas.field(response, route.array, "response")
    description = source.comment(response).rstrip(".") or "The answer"
    return {
        str(route.success_status or 200): {
            "description": f"{description}.",
            "content": {"application/json": {"schema": schema}},
        }
    }


def _event_stream(source: Source, schemas: Schemas, route: Route, template: str) -> Json:
    """The server-sent-events face of a streaming method."""
    request, _ = _types(source, route)
    comment = source.comment(f"{route.service}.{route.method}")
    words = [w for w in template.strip("/").split("/")[2:] if not w.startswith("{")]
    operation = _described(route, comment, f"{route.domain}_{route.method}_{'_'.join(words)}")
    if len(words) > 1:
        operation["tags"] = [words[0]]
    variables = parse(template).variables
    fields = [f.name for f in source.messages[request].field if f.name != "last_event_id"]
    operation["parameters"] = [
        _parameter(schemas, request, name, "path" if name in variables else "query")
        for name in fields
    ]
    operation["parameters"] += openapi_events.resumption(template)
    operation["responses"] = {
        "200": openapi_events.success(_overlay(), template),
        **refusals([*named_reasons(comment), *ANY_REASONS], session=route.access == "session"),
    }
    return operation


@lru_cache(maxsize=1)
def _overlay() -> Mapping[str, Any]:
    overlay: Mapping[str, Any] = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    return overlay


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]), Path(sys.argv[2]))

"""The virtual host: one route per binding in the descriptors, and routed answers for the rest.

Nothing here names a path of a domain. Order is what Envoy goes by: the first match wins, so more
literal templates stand first and the catch-alls last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz.rules import PING
from edge.docs.pages import Page, pages
from edge.envoy.clusters import AUTHZ, DOCS, PICTURES, SSE, grpc_cluster, reads_cluster
from edge.envoy.settings import EdgeSettings
from edge.envoy.signing import SIGNING, signed_route
from services.runtime.errors import status_json
from services.runtime.path_template import PathTemplate, parse
from services.runtime.routes import Route, RouteTable

Json = dict[str, Any]

CORS = "envoy.filters.http.cors"
EXT_AUTHZ = "envoy.filters.http.ext_authz"
LUA = "envoy.filters.http.lua"
BUFFER = "envoy.filters.http.buffer"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"

READY_PATH: Final = "/healthz/ready"

PICTURE_PATHS: Final = r"/images/[^/]+/[^/]+"

_DISABLED: Final = {
    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
    "disabled": True,
}
_NEVER: Final = "0s"

DEADLINE_MARGIN_SECONDS: Final = 0.5
"""The edge waits this much longer than the server works, so that the server's answer is the one
that is sent."""

PAGE_TIMEOUT: Final = "20s"
"""Above what the docs server takes for its slowest answer, a sign-in at the playground."""

NAVIGATIONS: Final = {
    "/eco2.auth.v1.AuthService/OAuthCallback": "/#/login?error=unavailable",
}
"""Methods that a browser calls by navigating, and the page of the app that a failure leads to which
the method itself could not answer: it was not reached, or could not read the request."""

GRPC_HEADERS: Final = (
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-previous-rpc-attempts",
)
"""Meaningful to a gRPC server and never sent by a JSON client in good faith."""


def virtual_host(settings: EdgeSettings, table: RouteTable) -> Json:
    """Everything the edge serves, on any host name."""
    return {
        "name": "eco2",
        "domains": ["*"],
        "routes": [*_routes(settings, table)],
        "typed_per_filter_config": {CORS: cors_policy(settings)},
        "request_headers_to_add": [
            _header("x-eco2-edge", "1"),
            # Whom the request comes from, counting trusted proxies only.
            _header("x-eco2-client-address", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ],
        "response_headers_to_add": [
            _header("x-content-type-options", "nosniff"),
            # CORS answers differ by origin, so a cache must keep them apart.
            {**_header("vary", "origin"), "append_action": "APPEND_IF_EXISTS_OR_ADD"},
        ],
        "response_headers_to_remove": ["x-powered-by"],
    }


def cors_policy(settings: EdgeSettings) -> Json:
    """One list of origins for everything, with credentials; any request header is allowed."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in settings.cors_origins],
        "allow_methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "allow_headers": ", ".join(
            (
                *("accept", "authorization", "cache-control", "content-type", "last-event-id"),
                *("x-frontend-origin", "x-idempotency-key", "x-refresh-token", "x-canary"),
                *("x-request-id", "traceparent", "tracestate"),
            )
        ),
        "expose_headers": "retry-after, x-request-id",
        "allow_credentials": True,
        "max_age": str(settings.edge_preflight_max_age_seconds),
        # A stranger's preflight is answered like any other request: 405, without CORS headers.
        "forward_not_matching_preflights": True,
    }


def _routes(settings: EdgeSettings, table: RouteTable) -> Iterator[Json]:
    yield _answer({"path": READY_PATH}, "ready", 200, body={"status": "ready"})
    ping = _answer(
        {"path": PING[1], **_verb(PING[0])}, "ping", 200, body={"pong": True, "source": "edge"}
    )
    del ping["typed_per_filter_config"][EXT_AUTHZ]
    yield ping
    served = pages(table, playground=settings.playground_served).values()
    bound = [r for r in table.routes if r.path is not None and r.access != "internal"]
    literal, templated = _by_precedence(bound)
    yield from (_transcoded(settings, route) for route in literal)
    # Before the templates that would take them, such as /api/v1/auth/{provider}; the others last,
    # because Envoy tries one route after the other and most requests are for the API.
    yield from _pages(page for page in served if table.allowed_verbs(page.path))
    yield from (_event_stream(template) for template in table.sse_templates())
    yield from (_transcoded(settings, route) for route in templated)
    native: dict[str, Route] = {}
    for route in table.routes:
        if route.access != "internal":
            native.setdefault(route.rpc, route)
    yield from (_native(settings, route) for route in native.values())
    yield _pictures(settings)
    yield from _pages(page for page in served if not table.allowed_verbs(page.path))
    yield from _other_verbs(table)
    yield _answer({"prefix": "/"}, "not-found", 404)


def _by_precedence(bound: Iterable[Route]) -> tuple[list[Route], list[Route]]:
    """Bindings of fixed paths and of templates, in the order to try them.

    No two fixed paths can both match, so reads go first: they are what the app asks for most, and
    trying the 60 routes that stood before them was a twentieth of the edge's work for a short one.
    """
    ranked = sorted(bound, key=lambda r: r.path.precedence if r.path else ())
    literal = [r for r in ranked if r.path and r.path.literal]
    templated = [r for r in ranked if r.path and not r.path.literal]
    return sorted(literal, key=lambda r: r.http_method != "GET"), templated


def _verb(*verbs: str) -> Json:
    """Match on the HTTP method."""
    match = {"exact": verbs[0]} if len(verbs) == 1 else {"safe_regex": {"regex": "|".join(verbs)}}
    return {"headers": [{"name": ":method", "string_match": match}]}


def _path(template: PathTemplate) -> Json:
    """Match on a path template."""
    if template.literal:
        return {"path": template.text}
    return {"safe_regex": {"regex": template.regex.pattern}}


def _header(name: str, value: str) -> Json:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _seconds(value: float) -> str:
    return f"{value:.3f}s"


def _retry_unsent() -> Json:
    """Repeat what no server has seen: a connection that failed, a stream that was refused."""
    return {"retry_on": "connect-failure,refused-stream", "num_retries": 1}


def _retry_unanswered() -> Json:
    """Repeat a read as well whose connection broke before the answer: a server that closes an
    HTTP/1.1 connection can't say whether it has seen the request.
    """
    return {"retry_on": "connect-failure,refused-stream,reset", "num_retries": 2}


def is_read(route: Route) -> bool:
    """Whether a binding changes nothing, so that it may be asked again: a GET that is not one a
    browser comes back with from a sign-in, whose code is good for once.
    """
    return route.http_method == "GET" and route.rpc not in NAVIGATIONS


def _limit_seconds(settings: EdgeSettings, route: Route) -> float:
    server = route.timeout_ms / 1000 or settings.default_deadline_seconds
    return server + DEADLINE_MARGIN_SECONDS


def _checked(route: Route) -> Json:
    """Filter settings of a route by access: a public one is not authorised."""
    return {EXT_AUTHZ: _DISABLED} if route.access == "public" else {}


def _transcoded(settings: EdgeSettings, route: Route) -> Json:
    """JSON in and out; the filter before the router makes it a gRPC call."""
    assert route.path is not None  # noqa: S101  # the caller chose bound routes
    assert route.http_method is not None  # noqa: S101
    page = NAVIGATIONS.get(route.rpc)
    shape = {
        **({"failure_location": settings.default_origin + page} if page else {}),
        **({"array": route.array} if route.array else {}),
    }
    return {
        **({"metadata": {"filter_metadata": {LUA: shape}}} if shape else {}),
        "name": f"{route.http_method} {route.template}",
        "match": {**_path(route.path), **_verb(route.http_method)},
        "route": {
            "timeout": _seconds(_limit_seconds(settings, route)),
            **(
                {"cluster": reads_cluster(route.domain), "retry_policy": _retry_unanswered()}
                if is_read(route)
                else {"cluster": grpc_cluster(route.domain), "retry_policy": _retry_unsent()}
            ),
        },
        "request_headers_to_remove": list(GRPC_HEADERS),
        "typed_per_filter_config": _checked(route),
    }


def _native(settings: EdgeSettings, route: Route) -> Json:
    """The gRPC call as it is; a caller's grpc-timeout counts up to the method's own limit."""
    limit = _NEVER if route.streaming else _seconds(_limit_seconds(settings, route))
    action: Json = {
        "cluster": grpc_cluster(route.domain),
        "timeout": limit,
        "max_stream_duration": {"grpc_timeout_header_max": limit},
    }
    if route.streaming:
        action["idle_timeout"] = _NEVER
    else:
        action["retry_policy"] = _retry_unsent()
    return {
        "name": route.rpc,
        "match": {"path": route.rpc, "grpc": {}, **_verb("POST")},
        "route": action,
        "typed_per_filter_config": {LUA: _DISABLED, TRANSCODER: _DISABLED, **_checked(route)},
    }


def _event_stream(template: str) -> Json:
    """Server-sent events from the bridge: no time limit, no repetition, no buffering."""
    return {
        "name": f"SSE {template}",
        "match": {**_path(parse(template)), **_verb("GET")},
        "route": {"cluster": SSE, "timeout": _NEVER, "idle_timeout": _NEVER},
        "typed_per_filter_config": {LUA: _DISABLED, TRANSCODER: _DISABLED, BUFFER: _DISABLED},
    }


def _pages(served: Iterable[Page]) -> Iterator[Json]:
    """Documentation, health, the playground: for everybody, from the docs server."""
    for page in served:
        yield {
            "name": f"page {page.path}",
            "match": {"path": page.path, **_verb(*page.verbs)},
            "route": {"cluster": DOCS, "timeout": PAGE_TIMEOUT, "retry_policy": _retry_unsent()},
            "typed_per_filter_config": {
                EXT_AUTHZ: _DISABLED,
                LUA: _DISABLED,
                TRANSCODER: _DISABLED,
            },
        }
        verbs = ", ".join(page.verbs)
        yield _answer({"path": page.path}, f"other verbs of {page.path}", 405, allow=verbs)


def _pictures(settings: EdgeSettings) -> Json:
    """Uploaded pictures, read from the object storage with the edge's own signature.

    What users upload is served from the API's origin here, so it must never run as a document.
    """
    return {
        "name": "pictures",
        "match": {"safe_regex": {"regex": PICTURE_PATHS}, **_verb("GET", "HEAD")},
        "route": {"cluster": PICTURES, "timeout": "30s", "retry_policy": _retry_unsent()},
        "metadata": {
            "filter_metadata": {
                LUA: {
                    "bucket": settings.s3_bucket,
                    "missing": status_json(
                        ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND, "no such picture"
                    ).decode(),
                    "failing": status_json(
                        ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                        "the object storage does not answer",
                        dependency=PICTURES,
                    ).decode(),
                }
            }
        },
        "response_headers_to_add": [
            {
                **_header("cache-control", "public, max-age=31536000, immutable"),
                "append_action": "ADD_IF_ABSENT",
            },
            _header("content-security-policy", "default-src 'none'; sandbox"),
        ],
        "typed_per_filter_config": {
            EXT_AUTHZ: _DISABLED,
            TRANSCODER: _DISABLED,
            LUA: _lua("pictures"),
            SIGNING: signed_route(settings),
        },
    }


def _other_verbs(table: RouteTable) -> Iterator[Json]:
    """405 for the verbs a known path does not take."""
    templates = {r.path.text: r.path for r in table.routes if r.path is not None}
    templates.update((text, parse(text)) for text in (*table.sse_templates(), PING[1]))
    for template in sorted(templates.values(), key=lambda t: t.precedence):
        sample = "/" + "/".join("-" if s in ("*", "**") else s for s in template.segments)
        allowed = table.allowed_verbs(sample) or ("GET",)
        yield _answer(
            _path(template), f"other verbs of {template.text}", 405, allow=", ".join(allowed)
        )


def _lua(source: str) -> Json:
    """Run another script than the default one on a route."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
        "name": source,
    }


def _answer(
    match: Json, name: str, status: int, *, body: Json | None = None, allow: str | None = None
) -> Json:
    """A route that the script ``answers`` replies to; its cluster is never asked."""
    metadata = {"status": str(status)}
    if body is not None:
        metadata["body"] = json.dumps(body, separators=(",", ":"))
    if allow is not None:
        metadata["allow"] = allow
    return {
        "name": name,
        "match": match,
        "route": {"cluster": AUTHZ},
        "metadata": {"filter_metadata": {LUA: metadata}},
        "typed_per_filter_config": {
            EXT_AUTHZ: _DISABLED,
            TRANSCODER: _DISABLED,
            BUFFER: _DISABLED,
            LUA: _lua("answers"),
        },
    }

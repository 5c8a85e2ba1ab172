"""The HTTP filter chain, in the order requests pass it.

    header_mutation   identity headers of clients are dropped
    cors              preflights are answered; every response gets its headers
    buffer            whole body or 413, so that slow senders don't occupy servers
    ext_authz         who is it, and may they
    lua               status, arrays, leak removal; answers without a service
    transcoder        JSON ↔ gRPC
    request signing   pictures only
    router

Bodies are complete before the check is asked: what arrives while a filter waits for an answer
counts towards the connection's limit, and Envoy stops reading there for good instead of answering
413.

On the way back the order is reversed: Lua sees what the transcoder made, CORS sees everything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edge.envoy.clusters import AUTHZ, AUTHZ_GRPC
from edge.envoy.routes import BUFFER, CORS, EXT_AUTHZ, LUA, TRANSCODER
from edge.envoy.settings import EdgeSettings
from edge.envoy.signing import signing_filter
from services.runtime.routes import RouteTable

Json = dict[str, Any]

_HERE: Final = Path(__file__).resolve().parent
_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters.http"

STRIPPED_PREFIXES: Final = (
    *("x-user-", "x-auth-", "x-session-", "x-eco2-", "x-envoy-", "x-http-"),
    "x-amz-",  # would be signed and obeyed by the object storage
)
"""Headers only our own parts may set."""

STRIPPED_SUFFIX: Final = "-bin"
"""Binary gRPC metadata; none of our methods takes any."""

NOT_IN_GRPC: Final = "[^:].*[^0-9a-zA-Z._-].*|[^:0-9a-zA-Z._-].*"
"""Header names that HTTP allows and gRPC does not (``x!``): a server resets such a call."""

CHECK_PREFIX: Final = "/check"
"""Path prefix of authorization requests; what follows is the path being asked for."""

IDENTITY_HEADERS: Final = ("x-user-id", "x-auth-provider", "x-session-id")
"""What ext-authz says about the caller, sent to the services."""

REFUSAL_HEADERS: Final = (
    "content-type",
    "retry-after",
    "www-authenticate",
    "grpc-status-details-bin",
)
"""Headers of a refusal that clients get; those of CORS come from the filter."""

_RETRY: Final = {
    "retry_on": "connect-failure,refused-stream,reset",
    "num_retries": 2,
    "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.250s"},
}
"""A check changes nothing, so one that a restarting ext-authz dropped is asked again."""


def http_filters(settings: EdgeSettings, table: RouteTable) -> list[Json]:
    """The chain."""
    return [
        header_mutation(),
        _filter(CORS, "cors.v3.Cors"),
        _filter(BUFFER, "buffer.v3.Buffer", max_request_bytes=settings.edge_max_body_bytes),
        ext_authz(settings),
        lua(),
        transcoder(table, settings.edge_descriptor),
        signing_filter(settings),
        _filter("envoy.filters.http.router", "router.v3.Router", suppress_envoy_headers=True),
    ]


def _filter(name: str, kind: str, **config: Any) -> Json:
    return {"name": name, "typed_config": {"@type": f"{_FILTERS}.{kind}", **config}}


def header_mutation() -> Json:
    """Drop what clients must not say, before anything reads it."""
    patterns: list[Json] = [{"prefix": prefix} for prefix in STRIPPED_PREFIXES]
    patterns.append({"suffix": STRIPPED_SUFFIX})
    matchers: list[Json] = [{**pattern, "ignore_case": True} for pattern in patterns]
    matchers.append({"safe_regex": {"regex": NOT_IN_GRPC}})
    return _filter(
        "envoy.filters.http.header_mutation",
        "header_mutation.v3.HeaderMutation",
        mutations={
            "request_mutations": [
                {"remove_on_match": {"key_matcher": matcher}} for matcher in matchers
            ]
        },
    )


def ext_authz(settings: EdgeSettings) -> Json:
    """Ask ext-authz; no answer means 503, never a pass."""
    asked = ("authorization", "cookie", "origin", "content-type", "x-request-id", "traceparent")
    wire = _http_wire if settings.edge_authz_wire == "http" else _grpc_wire
    return _filter(
        EXT_AUTHZ,
        "ext_authz.v3.ExtAuthz",
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        allowed_headers={"patterns": [{"exact": name} for name in asked]},
        **wire(f"{settings.edge_authz_timeout_seconds:.3f}s"),
    )


def _http_wire(timeout: str) -> Json:
    """What passes in each direction is listed; anything else ext-authz says is dropped."""
    return {
        "http_service": {
            "server_uri": {"uri": f"http://{AUTHZ}", "cluster": AUTHZ, "timeout": timeout},
            "path_prefix": CHECK_PREFIX,
            "retry_policy": _RETRY,
            "authorization_response": {
                "allowed_upstream_headers": {
                    "patterns": [{"exact": name} for name in IDENTITY_HEADERS]
                },
                "allowed_client_headers": {
                    "patterns": [{"exact": name} for name in REFUSAL_HEADERS]
                },
            },
        }
    }


def _grpc_wire(timeout: str) -> Json:
    return {
        "transport_api_version": "V3",
        "grpc_service": {
            "envoy_grpc": {"cluster_name": AUTHZ_GRPC},
            "timeout": timeout,
            "retry_policy": _RETRY,
        },
    }


def lua() -> Json:
    """The scripts beside this module."""
    return _filter(
        LUA,
        "lua.v3.Lua",
        default_source_code={"inline_string": script("filters")},
        source_codes={name: {"inline_string": script(name)} for name in ("answers", "pictures")},
        # A script that rewrites the path must not move the request to another route.
        clear_route_cache=False,
    )


def script(name: str) -> str:
    """Text of a Lua script."""
    return (_HERE / f"{name}.lua").read_text()


def transcoder(table: RouteTable, descriptor: Path) -> Json:
    """JSON ↔ gRPC by the google.api.http rules of the descriptor set."""
    services = sorted({r.service for r in table.routes if r.path is not None})
    return _filter(
        TRANSCODER,
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=str(descriptor),
        services=services,
        print_options={
            "always_print_primitive_fields": True,
            "preserve_proto_field_names": True,
        },
        match_incoming_request_route=True,
        convert_grpc_status=True,
        ignore_unknown_query_parameters=True,
        query_param_unescape_plus=True,
        request_validation_options={
            "reject_unknown_method": True,
            "reject_binding_body_field_collisions": True,
        },
    )

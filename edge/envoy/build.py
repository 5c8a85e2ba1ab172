"""Builds the complete configuration of the local edge from the descriptors, ports and settings.

The HTTP filters and the virtual host are made by their own modules, so that the cluster's gateway
can be given the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edge.envoy.access_log import access_log
from edge.envoy.clusters import clusters
from edge.envoy.filters import http_filters
from edge.envoy.replies import local_replies
from edge.envoy.routes import virtual_host
from edge.envoy.settings import EdgeSettings
from services.runtime.ports import HOST, port
from services.runtime.routes import RouteTable, table

Json = dict[str, Any]

_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network"
    ".http_connection_manager.v3.HttpConnectionManager"
)
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_ADMIN_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"

CONNECTION_BUFFER_BYTES = 1_048_576
"""What one connection may hold in memory; a Lua-shaped array answer must fit."""


class EdgeConfigError(ValueError):
    """The settings do not make a usable edge; the text says what to change."""


def build(
    settings: EdgeSettings,
    ports: Mapping[str, int] | None = None,
    *,
    routes: RouteTable | None = None,
    environ: Mapping[str, str] | None = None,
) -> Json:
    """The configuration as plain data.

    `ports` overrides ports by name; `environ` is where the others, and ``ECO2_GRPC_<DOMAIN>``, are
    read from (the process's environment by default).
    """
    variables = dict(os.environ if environ is None else environ)
    variables.update(
        {f"ECO2_PORT_{name.upper()}": str(number) for name, number in (ports or {}).items()}
    )
    served = routes or table()
    domains = tuple(sorted({r.domain for r in served.routes if r.access != "internal"}))
    listeners = [_listener("http", settings, served, port("edge_http", variables))]
    if settings.edge_https:
        secure = _listener("https", settings, served, port("edge_https", variables))
        secure["filter_chains"][0]["transport_socket"] = _tls(settings)
        listeners.append(secure)
    return {
        "admin": {
            "address": _address(HOST, port("envoy_admin", variables)),
            "access_log": [
                {
                    "name": "envoy.access_loggers.file",
                    "typed_config": {"@type": _ADMIN_LOG, "path": os.devnull},
                }
            ],
        },
        "static_resources": {
            "listeners": listeners,
            "clusters": clusters(settings, domains, variables),
        },
        # Nothing is pushed anywhere: histograms are merged when somebody reads /stats, not all 5 s.
        "stats_flush_on_admin": True,
        # Bounds what strangers can make the edge hold in memory.
        "overload_manager": _overload(settings),
    }


def write(path: Path, environ: Mapping[str, str] | None = None) -> None:
    """Write the configuration for the environment's settings to `path`, readable by us alone.

    EdgeConfigError when the https listener has no certificate.
    """
    settings = EdgeSettings() if environ is None else settings_of(environ)
    text = yaml.safe_dump(build(settings, environ=environ), sort_keys=False, allow_unicode=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def masked(config: Json) -> Json:
    """The configuration with secrets replaced, for people to read."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: "***" if k == "secret_access_key" else walk(v) for k, v in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    hidden: Json = walk(config)
    return hidden


def settings_of(environ: Mapping[str, str]) -> EdgeSettings:
    """Settings whose variables are taken from `environ` before the process's own environment."""
    prefix = EdgeSettings.model_config.get("env_prefix", "")
    given = {
        field: environ[name]
        for field in EdgeSettings.model_fields
        if environ.get(name := f"{prefix}{field}".upper())
    }
    return EdgeSettings.model_validate(given)


def _address(host: str, number: int) -> Json:
    return {"socket_address": {"address": host, "port_value": number}}


def _listener(name: str, settings: EdgeSettings, served: RouteTable, number: int) -> Json:
    manager = connection_manager(name, settings, served)
    return {
        "name": f"edge_{name}",
        "address": _address(settings.bind_host, number),
        "per_connection_buffer_limit_bytes": max(
            CONNECTION_BUFFER_BYTES, settings.edge_max_body_bytes
        ),
        "filter_chains": [
            {
                "filters": [
                    {"name": "envoy.filters.network.http_connection_manager", **manager},
                ]
            }
        ],
    }


def connection_manager(name: str, settings: EdgeSettings, served: RouteTable) -> Json:
    """HTTP on a listener: hygiene first, then the filter chain and the routes."""
    return {
        "typed_config": {
            "@type": _MANAGER,
            "stat_prefix": f"edge_{name}",
            "codec_type": "AUTO",
            "use_remote_address": True,
            "xff_num_trusted_hops": settings.edge_trusted_proxies,
            # What a path means is settled before anything decides by it.
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "common_http_protocol_options": {
                "idle_timeout": "300s",
                "headers_with_underscores_action": "REJECT_REQUEST",
            },
            "http2_protocol_options": {
                "max_concurrent_streams": 256,
                "initial_stream_window_size": 65_536,
                "initial_connection_window_size": 1_048_576,
            },
            "max_request_headers_kb": settings.edge_max_header_kib,
            "request_headers_timeout": "10s",
            "request_timeout": "60s",
            "stream_idle_timeout": "60s",
            "always_set_request_id_in_response": True,
            "stream_error_on_invalid_http_message": True,
            "access_log": [access_log(settings.edge_access_log)],
            "local_reply_config": local_replies(settings),
            "http_filters": http_filters(settings, served),
            "route_config": {"name": "eco2", "virtual_hosts": [virtual_host(settings, served)]},
        }
    }


def _tls(settings: EdgeSettings) -> Json:
    certificate, key = settings.edge_tls_certificate, settings.edge_tls_key
    for file in (certificate, key):
        if not file.is_file():
            raise EdgeConfigError(
                f"{file} is missing; run `make setup`, or set ECO2_EDGE_HTTPS=false"
            )
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": _TLS,
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificates": [
                    {
                        "certificate_chain": {"filename": str(certificate)},
                        "private_key": {"filename": str(key)},
                    }
                ],
            },
        },
    }


def _overload(settings: EdgeSettings) -> Json:
    kind = "downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"type.googleapis.com/envoy.extensions.resource_monitors.{kind}",
                    "max_active_downstream_connections": settings.edge_max_connections,
                },
            }
        ]
    }

"""Upstreams of the edge: two per domain (gRPC over HTTP/2, and reads over HTTP/1.1), ext-authz, the
SSE bridge, the docs server, the pictures.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from edge.envoy.settings import EdgeSettings
from services.runtime.ports import HOST, port, reads_port, socket_path

Json = dict[str, Any]

AUTHZ = "authz"
AUTHZ_GRPC = "authz_grpc"
SSE = "progress_sse"
DOCS = "docs"
PICTURES = "pictures"

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


def grpc_cluster(domain: str) -> str:
    """Name of the cluster of a domain's gRPC server."""
    return f"grpc_{domain}"


def reads_cluster(domain: str) -> str:
    """Name of the cluster that a domain's reads go to."""
    return f"reads_{domain}"


def grpc_target(domain: str, environ: Mapping[str, str] | None = None) -> tuple[str, int]:
    """Where a domain's gRPC server is: ``ECO2_GRPC_<DOMAIN>=host:port``, else the ports table."""
    return _given(f"ECO2_GRPC_{domain.upper()}", environ) or (HOST, port(domain, environ))


def reads_target(domain: str, environ: Mapping[str, str] | None = None) -> tuple[str, int] | None:
    """Where a domain takes reads over HTTP/1.1: ``ECO2_READS_<DOMAIN>=host:port``, else the ports
    table. None where it does not, and for a gRPC server elsewhere of which nothing more is said.
    """
    given = _given(f"ECO2_READS_{domain.upper()}", environ)
    if given is not None or _given(f"ECO2_GRPC_{domain.upper()}", environ) is not None:
        return given
    number = reads_port(domain, environ)
    return None if number is None else (HOST, number)


def _reads_socket(domain: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The Unix socket of a domain's reads, where its server is the one of this machine."""
    elsewhere = (f"ECO2_{kind}_{domain.upper()}" for kind in ("READS", "GRPC"))
    if reads_port(domain, environ) is None or any(_given(name, environ) for name in elsewhere):
        return None
    return socket_path(f"{domain}_reads", environ)


def _given(variable: str, environ: Mapping[str, str] | None) -> tuple[str, int] | None:
    """The host:port of a variable, None where it is not set; ValueError for anything else."""
    given = (os.environ if environ is None else environ).get(variable)
    if not given:
        return None
    host, _, number = given.rpartition(":")
    if not host or not number.isdecimal():
        raise ValueError(f"{variable} must be host:port, got {given!r}")
    return host.strip("[]"), int(number)


def clusters(
    settings: EdgeSettings, domains: tuple[str, ...], environ: Mapping[str, str] | None = None
) -> list[Json]:
    """Every cluster the routes name."""
    limit = settings.edge_max_requests
    grpc = [
        _cluster(grpc_cluster(domain), *grpc_target(domain, environ), limit, http2=True)
        for domain in domains
    ]
    authz = _cluster(
        *(AUTHZ, HOST, port("authz_http", environ), limit),
        socket=socket_path("authz_http", environ),
    )
    authz["circuit_breakers"]["thresholds"][0]["max_connections"] = settings.edge_authz_connections
    checks = _cluster(AUTHZ_GRPC, *grpc_target(AUTHZ_GRPC, environ), limit, http2=True)
    sse = _cluster(SSE, HOST, port("progress_sse", environ), limit)
    docs = _cluster(DOCS, HOST, port("docs", environ), limit)
    reads = [
        _cluster(
            reads_cluster(domain),
            *(target or grpc_target(domain, environ)),
            limit,
            http2=target is None,
            trailers=True,
            socket=_reads_socket(domain, environ),
        )
        for domain in domains
        for target in [reads_target(domain, environ)]
    ]
    return [*grpc, *reads, authz, checks, sse, docs, _pictures(settings)]


def _cluster(
    name: str,
    host: str,
    number: int,
    limit: int,
    *,
    http2: bool = False,
    trailers: bool = False,
    socket: str | None = None,
) -> Json:
    """A cluster of one address; of the Unix socket instead where there is one."""
    protocol: Json = {
        "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
        "explicit_http_config": {"http2_protocol_options": _keepalive()}
        if http2
        else {"http_protocol_options": {"enable_trailers": True} if trailers else {}},
        # Below the 75 s after which the servers close an idle connection.
        "common_http_protocol_options": {"idle_timeout": "60s"},
    }
    address: Json = {"socket_address": {"address": host, "port_value": number}}
    if socket is not None:
        address = {"pipe": {"path": socket}}
    return {
        "name": name,
        "type": "STATIC" if socket or _is_address(host) else "STRICT_DNS",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {_HTTP_OPTIONS: protocol},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": limit,
                    "max_pending_requests": limit,
                    "max_requests": limit,
                    "max_retries": 16,
                }
            ]
        },
    }


def _keepalive() -> Json:
    """HTTP/2 pings that notice a dead peer, at a rate grpc.aio servers accept."""
    return {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}


def _pictures(settings: EdgeSettings) -> Json:
    """The object storage, addressed as the signature covers it."""
    url = urlsplit(settings.s3_endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"ECO2_S3_ENDPOINT must be an http(s) URL, got {settings.s3_endpoint!r}")
    secure = url.scheme == "https"
    number = url.port or (443 if secure else 80)
    cluster = _cluster(PICTURES, url.hostname, number, settings.edge_max_requests)
    if secure:
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": _TLS,
                "sni": url.hostname,
                "common_tls_context": {
                    "validation_context": {
                        "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"},
                        "match_typed_subject_alt_names": [
                            {"san_type": "DNS", "matcher": {"exact": url.hostname}}
                        ],
                    }
                },
            },
        }
    return cluster


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""Every TCP port of the one-machine layout, stated once.

A name's port is its default below unless ``ECO2_PORT_<NAME>`` says otherwise, so that a test stack
on free ports and a person's stack on the documented ones are configured the same way. In the
cluster each workload keeps these container ports.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

HOST: Final = "127.0.0.1"

DEFAULT_PORTS: Final[Mapping[str, int]] = {
    # the edge
    "edge_http": 8080,
    "edge_https": 8443,
    "envoy_admin": 9901,
    "authz_http": 8101,
    "authz_grpc": 15060,
    "progress_sse": 8102,
    "docs": 8103,
    # gRPC servers, one port a domain whichever process serves it; below 32768, from where on Linux
    # gives ports to outgoing connections, which may sit on them when a server wants to start
    "auth": 15051,
    "users": 15052,
    "scan": 15053,
    "chat": 15054,
    "character": 15055,
    "location": 15056,
    "images": 15057,
    "info": 15058,
    "progress": 15059,
    # the same servers over HTTP/1.1, where the edge sends reads (services/runtime/grpc_http1.py)
    "auth_reads": 15151,
    "users_reads": 15152,
    "scan_reads": 15153,
    "chat_reads": 15154,
    "character_reads": 15155,
    "location_reads": 15156,
    "images_reads": 15157,
    "info_reads": 15158,
    # Prometheus endpoint and HTTP health of a process group
    "metrics_serve": 9101,
    "metrics_authz": 9102,
    "metrics_progress": 9103,
    "metrics_work": 9104,
    # infrastructure
    "postgres": 15432,
    "redis": 16379,
    "kafka": 19092,
    "kafka_controller": 19093,
    "s3": 19000,
}


def env_name(name: str) -> str:
    """Environment variable that overrides the port called `name`."""
    return f"ECO2_PORT_{name.upper()}"


def port(name: str, environ: Mapping[str, str] | None = None) -> int:
    """TCP port called `name`; KeyError for a name that is not in the table."""
    default = DEFAULT_PORTS[name]
    raw = (os.environ if environ is None else environ).get(env_name(name))
    if raw is None or raw == "":
        return default
    if not raw.isdecimal() or not 0 < int(raw) < 65536:
        raise ValueError(f"{env_name(name)} must be a TCP port between 1 and 65535, got {raw!r}")
    return int(raw)


def reads_port(domain: str, environ: Mapping[str, str] | None = None) -> int | None:
    """TCP port on which a domain's server takes the edge's reads over HTTP/1.1.

    None where a domain has none, and where its gRPC port was moved and this one was not: a second
    server beside the usual one must not ask for the same port. Reads go over gRPC then.
    """
    name = f"{domain}_reads"
    given = os.environ if environ is None else environ
    moved_alone = given.get(env_name(domain)) and not given.get(env_name(name))
    return None if name not in DEFAULT_PORTS or moved_alone else port(name, given)


def socket_path(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Unix socket on which the edge of the same machine reaches what listens on the port `name`, in
    the folder ``ECO2_SOCKETS``; None where that is not set, for TCP alone.
    """
    folder = (os.environ if environ is None else environ).get("ECO2_SOCKETS")
    return f"{folder}/{name}.sock" if folder else None

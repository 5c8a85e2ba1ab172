"""No limit of Envoy's ends an event stream before the bridge does.

The limits are read from the generated configuration, those that it leaves to Envoy's defaults with
their defaults (envoy.config.core.v3.HttpProtocolOptions, .route.v3.RouteAction, and the HTTP
connection manager's own).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from edge.envoy import build
from edge.envoy.settings import EdgeSettings
from edge.progress.settings import ProgressSettings
from services.runtime.routes import sse_templates

Json = dict[str, Any]


def seconds(told: str | None, default: str) -> float:
    """A duration; 0 switches a limit off."""
    value = float((told or default).removesuffix("s"))
    return value or math.inf


def parts() -> Iterator[tuple[str, Json, Json, Json]]:
    """Every listener's connection manager with every route of a stream, and the route's cluster."""
    config = build.build(EdgeSettings(edge_https=False))
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    for listener in config["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
            if route["name"].startswith("SSE "):
                cluster = clusters[route["route"]["cluster"]]
                yield route["name"], manager, route["route"], cluster


ROUTES = list(parts())


def test_every_stream_of_the_descriptors_is_looked_at() -> None:
    assert {name for name, *_ in ROUTES} == {f"SSE {template}" for template in sse_templates()}


@pytest.mark.parametrize("part", ROUTES, ids=lambda part: part[0])
def test_a_stream_may_last_longer_at_the_edge_than_at_the_bridge(
    part: tuple[str, Json, Json, Json],
) -> None:
    _, manager, route, cluster = part
    downstream = manager["common_http_protocol_options"]
    (upstream,) = cluster.get("typed_extension_protocol_options", {"": {}}).values()
    upstream = upstream.get("common_http_protocol_options", {})
    limits = {
        "route timeout": seconds(route.get("timeout"), "15s"),
        "stream": min(
            seconds(options.get("max_stream_duration"), "0s") for options in (downstream, upstream)
        ),
        "route stream": seconds(
            route.get("max_stream_duration", {}).get("max_stream_duration"), "0s"
        ),
        "connection": min(
            seconds(options.get("max_connection_duration"), "0s")
            for options in (downstream, upstream)
        ),
    }
    assert min(limits.values()) > ProgressSettings().progress_connection_seconds, limits


@pytest.mark.parametrize("part", ROUTES, ids=lambda part: part[0])
def test_silence_is_filled_before_the_edge_takes_it_for_the_end(
    part: tuple[str, Json, Json, Json],
) -> None:
    _, manager, route, _ = part
    # a route's own idle time-out replaces the one of the connection manager
    idle = seconds(route.get("idle_timeout", manager.get("stream_idle_timeout")), "300s")
    assert idle > ProgressSettings().progress_keepalive_seconds * 2


def test_the_relation_would_be_seen_to_break() -> None:
    assert seconds("0s", "15s") == math.inf
    assert seconds(None, "15s") == 15 < ProgressSettings().progress_connection_seconds

"""The route table holds what the descriptors say, and finds it again."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

from services.runtime.path_template import parse
from services.runtime.ports import DEFAULT_PORTS
from services.runtime.routes import (
    DESCRIPTOR,
    Route,
    RouteTable,
    access_of_rpc,
    load,
    route_for,
    routes,
    sse_templates,
    table,
)


def made(verb: str, template: str, method: str, **more: object) -> Route:
    base: dict[str, object] = {
        "rpc": f"/eco2.t.v1.TService/{method}",
        "service": "eco2.t.v1.TService",
        "method": method,
        "access": "session",
        "http_method": verb,
        "template": template,
        "path": parse(template),
        "body": "",
        "timeout_ms": 0,
        "streaming": False,
        "sse_paths": (),
    }
    return Route(**{**base, **more})  # type: ignore[arg-type]


def test_every_method_of_our_services_has_a_route() -> None:
    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTOR.read_bytes())
    methods = {
        f"/{file.package}.{service.name}/{method.name}"
        for file in files.file
        if file.package.startswith("eco2.")
        for service in file.service
        for method in service.method
    }
    assert methods
    assert {route.rpc for route in routes()} == methods


def test_every_domain_has_a_port() -> None:
    assert {route.domain for route in routes()} <= set(DEFAULT_PORTS)


def test_internal_methods_have_no_http_face() -> None:
    for route in routes():
        if route.access == "internal":
            assert route.http_method is None, route.rpc
            assert not route.sse_paths, route.rpc


def test_no_two_methods_share_a_verb_and_path() -> None:
    seen = [(r.http_method, r.path.segments) for r in routes() if r.path is not None]
    assert len(seen) == len(set(seen))


def test_every_binding_is_found_again_with_a_value_in_each_variable() -> None:
    for route in routes():
        if route.path is None or route.http_method is None:
            continue
        path = "/" + "/".join("x1" if s in ("*", "**") else s for s in route.path.segments)
        found = route_for(route.http_method, path)
        assert found is not None
        assert found.rpc == route.rpc


def test_event_stream_paths_are_found() -> None:
    assert "/api/v1/scan/{job_id}/events" in sse_templates()
    found = route_for("GET", "/api/v1/scan/0123456789/events")
    assert found is not None
    assert found.method == "WatchJob"
    assert found.access == "session"
    assert route_for("POST", "/api/v1/scan/0123456789/events") is None


def test_literal_beats_variable() -> None:
    found = route_for("GET", "/api/v1/scan/history")
    assert found is not None
    assert found.method == "ListMyScans"
    crossed = RouteTable(
        [
            made("GET", "/a/{x=**}", "Rest"),
            made("GET", "/a/{x}/c", "Variable"),
            made("GET", "/a/b/{y}", "Literal"),
        ]
    )
    for path, method in (("/a/b/c", "Literal"), ("/a/z/c", "Variable"), ("/a/z/z", "Rest")):
        hit = crossed.route_for("GET", path)
        assert hit is not None
        assert hit.method == method


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v1/scan"),
        ("POST", "/api/v1/scan/"),
        ("POST", "/api/v1/scan/a/b/c/d"),
        ("GET", "//api/v1/users/me"),
        ("GET", "/api/v1/users/me\n"),
        ("BREW", "/api/v1/users/me"),
    ],
)
def test_unknown_requests_have_no_route(verb: str, path: str) -> None:
    assert route_for(verb, path) is None


def test_allowed_verbs_names_what_a_path_takes() -> None:
    assert table().allowed_verbs("/api/v1/scan/abc") == ("DELETE",)
    assert table().allowed_verbs("/api/v1/scan") == ("POST",)
    assert table().allowed_verbs("/nowhere") == ()


def test_access_of_rpc_says_who_may_call() -> None:
    assert access_of_rpc("/eco2.auth.v1.AuthService/GetJwks") == "public"
    assert access_of_rpc("/eco2.scan.v1.ScanService/SubmitScan") == "session"
    assert access_of_rpc("/eco2.scan.v1.ScanService/CompleteJob") == "internal"
    assert access_of_rpc("/eco2.scan.v1.ScanService/Nothing") is None


def test_additional_bindings_are_routes_of_the_same_method(tmp_path: Path) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="eco2.t.v1")
    method = file.service.add(name="TService").method.add(name="Both")
    rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
    rule.get = "/a"
    rule.additional_bindings.add(post="/b", body="*")
    target = tmp_path / "set.binpb"
    target.write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())

    loaded = load(target)

    assert [(r.http_method, r.template, r.body) for r in loaded.routes] == [
        ("GET", "/a", ""),
        ("POST", "/b", "*"),
    ]
    assert {r.rpc for r in loaded.routes} == {"/eco2.t.v1.TService/Both"}
    assert {r.access for r in loaded.routes} == {"internal"}, "no option exposes nothing"

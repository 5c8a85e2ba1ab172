"""The generated configuration: all from the descriptors, and Envoy takes it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge.docs.pages import pages
from edge.envoy import binary, build
from edge.envoy.clusters import clusters, grpc_target, reads_target
from edge.envoy.routes import EXT_AUTHZ, is_read, virtual_host
from edge.envoy.settings import EdgeSettings
from services.cli.edge import app
from services.runtime.routes import RouteTable, routes, sse_templates, table
from services.runtime.settings import Profile
from tests.contract.certificate import write_certificate

SETTINGS = EdgeSettings(edge_https=False)


def made_routes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = virtual_host(SETTINGS, table())["routes"]
    return found


def by_name() -> dict[str, dict[str, Any]]:
    return {route["name"]: route for route in made_routes()}


def disabled(route: dict[str, Any]) -> bool:
    return bool(route["typed_per_filter_config"].get(EXT_AUTHZ, {}).get("disabled"))


def test_every_binding_has_a_route_and_only_public_ones_skip_authorization() -> None:
    found = by_name()
    for route in routes():
        if route.http_method is not None:
            assert disabled(found[f"{route.http_method} {route.template}"]) == (
                route.access == "public"
            )
        if route.access == "internal":
            assert route.rpc not in found
        else:
            assert disabled(found[route.rpc]) == (route.access == "public")
    for template in sse_templates():
        assert not disabled(found[f"SSE {template}"])


def test_whatever_skips_authorization_is_public_or_answered_by_the_edge_itself() -> None:
    allowed = {"ready", "pictures", "not-found"}
    public = {r.rpc for r in routes() if r.access == "public"} | {
        f"{r.http_method} {r.template}" for r in routes() if r.access == "public"
    }
    public |= {f"page {path}" for path in pages(table(), playground=True)}
    skipping = {route["name"] for route in made_routes() if disabled(route)}
    others = {name for name in skipping if name.startswith("other verbs of ")}
    assert skipping - others <= allowed | public


def test_playground_is_not_routed_when_switched_off_nor_in_production() -> None:
    on = {route["match"].get("path") for route in made_routes()}
    assert {"/", "/playground/session", "/docs", "/api/v1/auth/docs"} <= on
    for off in (
        EdgeSettings(edge_https=False, playground=False),
        EdgeSettings(edge_https=False, profile=Profile.PRODUCTION),
    ):
        left = {route["match"].get("path") for route in virtual_host(off, table())["routes"]}
        assert on - left == {p for p in on if p == "/" or str(p).startswith("/playground/")}


def test_removing_a_method_from_the_descriptors_removes_its_route() -> None:
    fewer = RouteTable(r for r in routes() if r.method != "SubmitScan")
    names = {route["name"] for route in virtual_host(SETTINGS, fewer)["routes"]}
    assert "POST /api/v1/scan" not in names
    assert "POST /api/v1/scan" in by_name()


def test_streams_have_no_time_limit_and_are_not_repeated() -> None:
    found = by_name()
    for template in sse_templates():
        action = found[f"SSE {template}"]["route"]
        assert action["timeout"] == action["idle_timeout"] == "0s"
        assert "retry_policy" not in action
    for route in routes():
        if route.streaming and route.access != "internal":
            action = found[route.rpc]["route"]
            assert action["timeout"] == action["idle_timeout"] == "0s"
            assert "retry_policy" not in action


def test_edge_waits_longer_than_the_server() -> None:
    timeout = by_name()["POST /api/v1/scan"]["route"]["timeout"]
    assert float(timeout.rstrip("s")) > SETTINGS.default_deadline_seconds


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({}, ("127.0.0.1", 15053)),
        ({"ECO2_PORT_SCAN": "21000"}, ("127.0.0.1", 21000)),
        ({"ECO2_GRPC_SCAN": "scan.eco2:50051"}, ("scan.eco2", 50051)),
        ({"ECO2_GRPC_SCAN": "[::1]:50051"}, ("::1", 50051)),
    ],
)
def test_upstreams_follow_the_environment(environ: dict[str, str], target: tuple[str, int]) -> None:
    assert grpc_target("scan", environ) == target


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({}, ("127.0.0.1", 15153)),
        ({"ECO2_PORT_SCAN_READS": "21001"}, ("127.0.0.1", 21001)),
        ({"ECO2_PORT_SCAN": "21000", "ECO2_PORT_SCAN_READS": "21001"}, ("127.0.0.1", 21001)),
        ({"ECO2_PORT_SCAN": "21000"}, None),
        ({"ECO2_GRPC_SCAN": "scan.eco2:50051"}, None),
        (
            {"ECO2_GRPC_SCAN": "scan.eco2:50051", "ECO2_READS_SCAN": "scan.eco2:8080"},
            ("scan.eco2", 8080),
        ),
    ],
)
def test_reads_go_over_http1_where_a_port_for_them_is_known(
    environ: dict[str, str], target: tuple[str, int] | None
) -> None:
    assert reads_target("scan", environ) == target


def test_what_runs_on_this_machine_is_reached_through_its_sockets() -> None:
    environ = {"ECO2_SOCKETS": "/run/eco2", "ECO2_GRPC_CHAT": "chat.eco2:50051"}
    found = {
        cluster["name"]: cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        for cluster in clusters(SETTINGS, ("scan", "chat"), environ)
    }
    assert found["authz"] == {"address": {"pipe": {"path": "/run/eco2/authz_http.sock"}}}
    assert found["reads_scan"] == {"address": {"pipe": {"path": "/run/eco2/scan_reads.sock"}}}
    for name in ("grpc_scan", "reads_chat"):
        assert "socket_address" in found[name]["address"]


def test_only_what_changes_nothing_is_a_read_and_asked_again_after_a_broken_connection() -> None:
    found = by_name()
    for route in routes():
        if route.http_method is None or route.access == "internal":
            continue
        action = found[f"{route.http_method} {route.template}"]["route"]
        repeated = "reset" in action["retry_policy"]["retry_on"].split(",")
        assert action["cluster"].startswith("reads_") == repeated == is_read(route)
        assert not repeated or route.http_method == "GET"
    callback = found["GET /api/v1/auth/{provider}/callback"]["route"]
    assert callback["cluster"] == "grpc_auth"


def test_upstream_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match="ECO2_GRPC_SCAN must be host:port"):
        grpc_target("scan", {"ECO2_GRPC_SCAN": "scan"})


def test_environment_given_to_write_decides(tmp_path: Path) -> None:
    environ = {
        "ECO2_EDGE_HTTPS": "false",
        "ECO2_PORT_EDGE_HTTP": "18080",
        "ECO2_CORS_ORIGINS": "https://a.example,https://b.example",
    }
    build.write(tmp_path / "envoy.yaml", environ)
    config = yaml.safe_load((tmp_path / "envoy.yaml").read_text())
    (listener,) = config["static_resources"]["listeners"]
    assert listener["address"]["socket_address"]["port_value"] == 18080
    text = json.dumps(config)
    assert "https://a.example" in text
    assert "localhost:5173" not in text


def test_missing_certificate_says_what_to_do(tmp_path: Path) -> None:
    settings = EdgeSettings(edge_tls_certificate=tmp_path / "no.pem")
    with pytest.raises(build.EdgeConfigError, match="make setup"):
        build.build(settings)


def test_file_with_secrets_is_private_and_printed_config_has_none(tmp_path: Path) -> None:
    environ = {
        "ECO2_EDGE_HTTPS": "false",
        "ECO2_S3_ACCESS_KEY": "key-id",
        "ECO2_S3_SECRET_KEY": "a-very-secret-value",
    }
    file = tmp_path / "envoy.yaml"
    build.write(file, environ)
    assert "a-very-secret-value" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    printed = CliRunner().invoke(app, ["config"], env=environ)
    assert printed.exit_code == 0
    assert "a-very-secret-value" not in printed.stdout
    assert yaml.safe_load(printed.stdout)["static_resources"]


def test_envoy_accepts_the_configuration(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    file = tmp_path / "envoy.yaml"
    build.write(
        file,
        {
            "ECO2_EDGE_TLS_CERTIFICATE": str(certificate),
            "ECO2_EDGE_TLS_KEY": str(key),
            "ECO2_S3_ENDPOINT": "https://s3.ap-northeast-2.amazonaws.com",
            "ECO2_GRPC_SCAN": "scan.eco2.svc:50051",
        },
    )
    binary.validate(file)


def test_envoys_complaint_is_passed_on(tmp_path: Path) -> None:
    file = tmp_path / "envoy.yaml"
    file.write_text("static_resources: {listeners: [{nonsense: 1}]}")
    with pytest.raises(binary.ConfigRejectedError, match="nonsense"):
        binary.validate(file)


@given(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.data())
def test_first_matching_route_is_the_one_the_table_names(verb: str, data: st.DataObject) -> None:
    """Envoy takes the first route that matches; the table the most literal one."""
    literals = sorted({s for r in routes() if r.path for s in r.path.segments if s != "*"})
    segments = data.draw(st.lists(st.sampled_from([*literals, "x1"]), min_size=1, max_size=7))
    path = "/" + "/".join(["api", "v1", *segments])
    chosen = None
    for route in made_routes():
        match = route["match"]
        verbs = [h["string_match"].get("exact") for h in match.get("headers", [])]
        if verbs and verb not in verbs:
            continue
        regex = match.get("safe_regex", {}).get("regex")
        if match.get("path") == path or (regex and re.fullmatch(regex, path)):
            chosen = route["name"]
            break
    expected = table().route_for(verb, path)
    if expected is None:
        assert chosen is None or chosen.startswith("other verbs")
    else:
        assert chosen in (f"{verb} {expected.template}", *(f"SSE {t}" for t in expected.sse_paths))

"""Documentation, health and the playground through real Envoy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eco2.auth.v1 import auth_service_pb2 as auth_pb
from eco2.users.v1 import users_service_pb2 as users_pb
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from edge.authz.rules import AccessRules
from edge.docs.health import services_of
from edge.docs.pages import READ, SESSION, Page, pages, prefixes
from services.runtime.routes import DESCRIPTOR, table
from tests.contract.edge import ORIGIN, Edge, running_edge
from tests.contract.statuses import assert_readable, assert_refused

PAGES = pages(table(), playground=True)
SHOWN = [page for page in PAGES.values() if page.kind not in ("health", "session")]
PREFIXES = prefixes(table())
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ISSUE = "/eco2.auth.v1.AuthService/IssueSession"
DOMAINS = {"auth", "character", "chat", "images", "info", "location", "progress", "scan", "users"}


@pytest.fixture(scope="module")
async def production(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """An edge under the production profile, told to serve the playground all the same."""
    settings = {"ECO2_PROFILE": "production", "ECO2_PLAYGROUND": "true"}
    async with running_edge(tmp_path_factory.mktemp("production"), settings) as running:
        yield running


def own(edge: Edge) -> dict[str, str]:
    """Headers a browser sends from a page of the edge itself."""
    return {"origin": edge.base_url, "content-type": "application/json"}


async def say(
    edge: Edge, domain: str, status: health_pb2.HealthCheckResponse.ServingStatus
) -> None:
    for name in services_of(table())[domain]:
        await edge.health.set(name, status)


def test_every_domain_has_its_pages_under_its_own_prefix() -> None:
    assert set(PREFIXES) == DOMAINS
    assert PREFIXES["location"] == "/api/v1/locations"
    for prefix in PREFIXES.values():
        assert {f"{prefix}/docs", f"{prefix}/openapi.json", f"{prefix}/health"} <= set(PAGES)


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.path)
async def test_page_is_shown_to_everybody_and_cacheable(edge: Edge, page: Page) -> None:
    headers = {"origin": ORIGIN, "authorization": "Bearer nonsense", "cookie": "s_access=expired"}
    answer = await edge.client.get(page.path, headers=headers)
    assert answer.status_code == 200
    assert answer.content
    assert_readable(answer)
    assert answer.headers["cache-control"].startswith("public, max-age=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "accept-encoding" in answer.headers["vary"]
    again = await edge.client.get(
        page.path, headers={"if-none-match": f'"other", W/{answer.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    head = await edge.client.head(page.path, headers={"accept-encoding": "identity"})
    plain = await edge.client.get(page.path, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(plain.content))
    assert plain.content == answer.content
    assert edge.services.calls == []


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.path)
async def test_page_takes_no_other_verb(edge: Edge, page: Page) -> None:
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        if verb not in page.verbs:
            answer = await edge.client.request(
                verb, page.path, headers={"origin": ORIGIN, **edge.signed_in()}
            )
            assert_refused(answer, 405, "METHOD_NOT_ALLOWED")
            assert answer.headers["allow"] == ", ".join(page.verbs)
    assert edge.services.calls == []


@pytest.mark.parametrize("name", [*DOMAINS, "eco2"])
async def test_document_is_the_generated_one(edge: Edge, name: str) -> None:
    path = "/openapi.json" if name == "eco2" else f"{PREFIXES[name]}/openapi.json"
    answer = await edge.client.get(path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == (DESCRIPTOR.parents[1] / "openapi" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("path", [p.path for p in SHOWN if p.kind == "docs" or p.path == "/"])
async def test_page_runs_only_scripts_of_its_own(edge: Edge, path: str) -> None:
    answer = await edge.client.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    for unwanted in ("<style", "style=", "onclick=", "onload=", "http://", "https://"):
        assert unwanted not in answer.text
    for script in answer.text.split("<script")[1:]:
        assert "src=" in script.partition(">")[0]
    for address in answer.text.split('src="')[1:]:
        assert address.partition('"')[0] in PAGES


@pytest.mark.parametrize("domain", sorted(DOMAINS))
async def test_health_follows_the_health_of_the_grpc_services(edge: Edge, domain: str) -> None:
    path = f"{PREFIXES[domain]}/health"
    for status, expected in ((NOT_SERVING, 503), (SERVING, 200), (NOT_SERVING, 503)):
        await say(edge, domain, status)
        answer = await edge.client.get(path, headers={"origin": ORIGIN})
        assert answer.status_code == expected
        word = "ok" if expected == 200 else "unavailable"
        assert answer.json() == {"status": word, "service": domain}
        assert answer.headers["cache-control"] == "no-store"
        assert ("retry-after" in answer.headers) == (expected == 503)
        assert_readable(answer)


async def test_what_is_no_page_is_not_found(edge: Edge) -> None:
    for path in (
        *("/docs/", "/docs/swagger-ui.js", "/docs/../openapi.json/x", "/docs/%2e%2e/app.py"),
        *("/playground", "/playground/", "/playground/index.html", "/playground/nothing.js"),
        *("/api/v1/nothing/docs", "/api/v1/location/health"),
    ):
        answer = await edge.client.get(path, headers={"origin": ORIGIN})
        assert_refused(answer, 404, "ROUTE_NOT_FOUND")


def test_ext_authz_and_the_edge_read_the_same_pages() -> None:
    for playground in (True, False):
        rules = AccessRules(table(), playground=playground)
        for page in PAGES.values():
            served = page.path in pages(table(), playground=playground)
            for verb in (*READ, "POST", "DELETE"):
                rule = rules.rule_for(verb, page.path)
                assert (rule is not None and rule.access == "public") == (
                    served and verb in page.verbs
                ), (verb, page.path)


async def test_playground_signs_a_local_account_in(edge: Edge) -> None:
    async def issue(_: Message, __: Any) -> Message:
        return auth_pb.IssueSessionResponse(access_token="a.b.c", refresh_token="d.e.f")

    edge.services.behaviours[ISSUE] = issue
    answer = await edge.client.post(SESSION, json={"name": " 미나 "}, headers=own(edge))
    assert answer.status_code == 201
    assert answer.json()["name"] == "미나"
    assert answer.headers["cache-control"] == "no-store"
    access, refresh = answer.headers.get_list("set-cookie")
    assert access == "s_access=a.b.c; Max-Age=1; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert refresh.startswith("s_refresh=d.e.f; ")
    made, issued = (call.request for call in edge.services.calls)
    assert isinstance(made, users_pb.GetOrCreateFromOAuthRequest)
    assert made.provider_user_id == "local:미나"
    assert isinstance(issued, auth_pb.IssueSessionRequest)
    assert issued.user_agent == "eco2 playground"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.org"},
        {"origin": ORIGIN},
        {"origin": "null"},
        {},
        {"origin": "http://rebound.example", "host": "rebound.example"},
    ],
    ids=str,
)
async def test_other_sites_cannot_sign_a_browser_in(edge: Edge, headers: dict[str, str]) -> None:
    answer = await edge.client.post(SESSION, json={"name": "mina"}, headers=headers)
    assert_refused(answer, 400, "ORIGIN_NOT_ALLOWED", cors=headers.get("origin") == ORIGIN)
    assert "set-cookie" not in answer.headers
    assert edge.services.calls == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b'{"name":"mina"}', "text/plain", 400, "MALFORMED_REQUEST"),
        (b"name=mina", "application/x-www-form-urlencoded", 400, "MALFORMED_REQUEST"),
        (b"{", "application/json", 400, "MALFORMED_REQUEST"),
        (b"[]", "application/json", 400, "MALFORMED_REQUEST"),
        (b'{"name":7}', "application/json", 400, "MALFORMED_REQUEST"),
        (b'{"name":"  "}', "application/json", 422, "VALIDATION_FAILED"),
        (b'{"name":"a\\nb"}', "application/json", 422, "VALIDATION_FAILED"),
        (json.dumps({"name": "x" * 41}).encode(), "application/json", 422, "VALIDATION_FAILED"),
        (b" " * 3000, "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_what_is_no_name_is_refused(
    edge: Edge, body: bytes, kind: str, status: int, reason: str
) -> None:
    answer = await edge.client.post(
        SESSION, content=body, headers={**own(edge), "content-type": kind}
    )
    assert_refused(answer, status, reason, cors=False)
    assert edge.services.calls == []


async def test_production_has_documentation_and_no_playground(production: Edge) -> None:
    for path in (path for path, page in PAGES.items() if page.kind == "playground"):
        answer = await production.client.get(path, headers={"origin": ORIGIN})
        assert_refused(answer, 404, "ROUTE_NOT_FOUND")
    for headers in (own(production), {**own(production), "host": "localhost"}):
        answer = await production.client.post(SESSION, json={"name": "mina"}, headers=headers)
        assert_refused(answer, 404, "ROUTE_NOT_FOUND", cors=False)
    assert (await production.client.get("/api/v1/auth/docs")).status_code == 200
    assert production.services.reached(ISSUE) == []


async def test_docs_server_of_production_refuses_even_past_the_edge(production: Edge) -> None:
    address = f"http://127.0.0.1:{production.environ['ECO2_PORT_DOCS']}"
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            address + SESSION, json={"name": "mina"}, headers={"origin": address}
        )
    assert answer.status_code == 404
    assert production.services.reached(ISSUE) == []


def test_playground_lists_every_file_it_has() -> None:
    folder = Path(__file__).resolve().parents[2] / "edge" / "docs" / "playground"
    there = {file.name for file in folder.iterdir()} | {"sample.jpg"}
    assert there == {page.name for page in PAGES.values() if page.kind == "playground"}

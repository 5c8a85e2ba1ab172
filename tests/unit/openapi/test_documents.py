"""The OpenAPI documents say what the descriptors say, and are valid OpenAPI 3.1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf import descriptor_pb2
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from edge.docs.pages import MERGED, health_path, prefixes
from services.cli.openapi import documents, write_documents
from services.cli.openapi_errors import named_reasons
from services.cli.openapi_schemas import Source
from services.runtime.errors import meaning_of, reason_named
from services.runtime.routes import DESCRIPTOR, routes, sse_templates, table

DOCUMENTS = documents(DESCRIPTOR)
ALL = DOCUMENTS[MERGED]
PUBLISHED = DESCRIPTOR.parents[1] / "openapi"
SOURCE = Source(descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTOR.read_bytes()))
BOUND = [r for r in routes() if r.http_method is not None]


def operation(verb: str, path: str) -> Any:
    return ALL["paths"][path][verb.lower()]


def schema(name: str) -> Any:
    return ALL["components"]["schemas"][name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_is_valid(name: str) -> None:
    validate(DOCUMENTS[name])


def test_published_documents_are_the_generated_ones(tmp_path: Path) -> None:
    write_documents(DESCRIPTOR, tmp_path)
    fresh = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert fresh == {file.name: file.read_text() for file in PUBLISHED.iterdir()}


def test_every_binding_and_event_stream_is_described_and_nothing_else() -> None:
    described = {(v.upper(), p) for p, item in ALL["paths"].items() for v in item}
    assert described == {
        *((r.http_method, r.template) for r in BOUND),
        *(("GET", template) for template in sse_templates()),
        ("GET", "/api/v1/authz/ping"),
        *(("GET", health_path(prefix)) for prefix in prefixes(table()).values()),
    }


def test_the_successes_described_are_those_that_are_declared() -> None:
    assert next(iter(operation("POST", "/api/v1/chat")["responses"])) == "201"
    for route in BOUND:
        assert route.http_method is not None
        assert route.template is not None
        described = operation(route.http_method, route.template)["responses"]
        declared = [route.success_status or 200, *route.other_statuses]
        assert [status for status in described if status < "400"] == [*map(str, declared)]


def test_whatever_has_rules_may_be_refused_for_them() -> None:
    assert "422" in operation("GET", "/api/v1/scan/{job_id}/result")["responses"]
    assert "422" not in operation("GET", "/api/v1/users/me")["responses"]


def test_domain_documents_add_up_to_the_merged_one() -> None:
    added: dict[str, Any] = {}
    for name, document in DOCUMENTS.items():
        if name != MERGED:
            added.update(document["paths"])
    assert {*added, "/api/v1/authz/ping"} == set(ALL["paths"])


@pytest.mark.parametrize("route", BOUND, ids=lambda r: r.rpc)
def test_security_follows_the_access_option(route: Any) -> None:
    described = operation(route.http_method, route.template)
    if route.access == "public":
        assert described["security"] == []
        named = named_reasons(SOURCE.comment(f"{route.service}.{route.method}"))
        may_refuse = any(meaning_of(reason_named(name)).http_status == 401 for name in named)
        assert ("401" in described["responses"]) == may_refuse
    else:
        assert described["security"] == [{"cookie": []}, {"bearer": []}]
        assert "401" in described["responses"]


@pytest.mark.parametrize("route", BOUND, ids=lambda r: r.rpc)
def test_reasons_named_in_the_comment_are_described_under_their_status(route: Any) -> None:
    comment = SOURCE.comment(f"{route.service}.{route.method}")
    responses = operation(route.http_method, route.template)["responses"]
    for name in named_reasons(comment):
        status = str(meaning_of(reason_named(name)).http_status)
        assert name in responses[status]["content"]["application/json"]["examples"]


def test_every_rpc_comment_begins_with_its_name_and_names_known_reasons() -> None:
    for route in routes():
        comment = SOURCE.comment(f"{route.service}.{route.method}")
        assert comment.startswith(f"{route.method} "), route.rpc
        for name in named_reasons(comment):
            assert ErrorReason.Value(f"ERROR_REASON_{name}")


def test_operation_ids_are_unique() -> None:
    ids = [op["operationId"] for item in ALL["paths"].values() for op in item.values()]
    assert len(ids) == len(set(ids))


def test_a_second_binding_is_named_after_its_path() -> None:
    names = [operation("GET", f"/api/v1/auth/{{provider}}{end}")["operationId"]
             for end in ("", "/login")]  # fmt: skip
    assert names == ["auth_StartLogin", "auth_StartLogin_login"]


def test_examples_have_the_shape_of_a_status() -> None:
    validator = Draft202012Validator(schema("Status"))
    for name, example in ALL["components"]["examples"].items():
        validator.validate(example["value"])
        assert example["value"]["details"][0]["reason"] == name


def test_single_repeated_field_is_a_top_level_array() -> None:
    answer = operation("GET", "/api/v1/users/me/characters")["responses"]["200"]
    assert answer["content"]["application/json"]["schema"] == {
        "description": "Newest first.",
        "type": "array",
        "items": {"$ref": "#/components/schemas/users.OwnedCharacter"},
    }


def test_validation_rules_are_shown() -> None:
    submit = schema("scan.SubmitScanRequest")
    assert submit["properties"]["image_url"] == {
        "description": "URL of the photo as CreateUpload returned it (cdn_url).",
        "type": "string",
        "maxLength": 2048,
        "format": "uri",
    }
    assert "required" not in submit
    (limit,) = (
        p for p in operation("GET", "/api/v1/scan/history")["parameters"] if p["name"] == "limit"
    )
    assert limit["schema"] == {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100}


def test_path_variables_are_parameters_and_not_in_the_body() -> None:
    create = operation("POST", "/api/v1/images/{channel}")
    (channel,) = create["parameters"]
    assert (channel["in"], channel["required"]) == ("path", True)
    assert channel["schema"]["enum"] == ["chat", "scan", "my"]
    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert "channel" not in body["properties"]
    assert body["required"] == ["filename"]


def test_idempotency_key_is_a_header() -> None:
    names = [(p["in"], p["name"]) for p in operation("POST", "/api/v1/scan")["parameters"]]
    assert names == [("header", "X-Idempotency-Key")]


def test_presence_in_responses() -> None:
    me = schema("users.GetMeResponse")
    assert me["required"] == ["username", "display_name", "nickname", "provider"]
    assert me["properties"]["last_login_at"]["format"] == "date-time"


def test_bodyless_success() -> None:
    responses = operation("DELETE", "/api/v1/scan/{job_id}")["responses"]
    assert "200" not in responses
    assert "content" not in responses["204"]


def test_event_stream_is_described() -> None:
    events = operation("GET", "/api/v1/scan/{job_id}/events")
    assert set(events["responses"]["200"]["content"]) == {"text/event-stream"}
    places = {p["name"]: p["in"] for p in events["parameters"]}
    assert places == {"job_id": "path", "Last-Event-ID": "header"}
    legacy = operation("GET", "/api/v1/stream")
    assert {p["name"]: p["in"] for p in legacy["parameters"]}["job_id"] == "query"


def test_unused_schemas_are_left_out() -> None:
    for document in DOCUMENTS.values():
        text = json.dumps(document)
        for name in document["components"]["schemas"]:
            assert f'"#/components/schemas/{name}"' in text


@pytest.mark.parametrize(
    ("comment", "reasons"),
    [
        ("Does it.", []),
        ("Does it. Errors: JOB_NOT_FOUND.", ["JOB_NOT_FOUND"]),
        ("Does it. Errors: JOB_NOT_FOUND, INTERNAL.", ["JOB_NOT_FOUND", "INTERNAL"]),
    ],
)
def test_reasons_in_comments(comment: str, reasons: list[str]) -> None:
    assert named_reasons(comment) == reasons


def test_unknown_reason_in_a_comment_is_an_error() -> None:
    with pytest.raises(ValueError, match="NO_SUCH_REASON"):
        named_reasons("Does it. Errors: NO_SUCH_REASON.")

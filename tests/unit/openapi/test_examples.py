"""Every operation has examples, and each of them is what the schemas say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from edge.docs.pages import MERGED
from edge.progress import frames
from services.cli.openapi import documents
from services.cli.openapi_examples import examples
from services.runtime.errors import meaning_of, reason_named
from services.runtime.routes import DESCRIPTOR, sse_templates
from streaming.progress import stages
from streaming.progress.event import StoredEvent, StreamId

DOCUMENTS = documents(DESCRIPTOR)
ALL = DOCUMENTS[MERGED]
OPERATIONS = {
    f"{verb.upper()} {path}": operation
    for path, item in ALL["paths"].items()
    for verb, operation in item.items()
}
JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream"


def validate(value: Any, schema: Mapping[str, Any]) -> None:
    Draft202012Validator(
        {**schema, "components": ALL["components"]}, format_checker=FormatChecker()
    ).validate(value)


def contents(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, media type object) of every JSON body that is not an error."""
    yield "request", operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE, {})
    for status, response in operation["responses"].items():
        if status < "300":
            yield status, response.get("content", {}).get(JSON_TYPE, {})


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_and_bodies_have_valid_examples(name: str) -> None:
    operation = OPERATIONS[name]
    for parameter in operation.get("parameters", ()):
        assert "example" in parameter, parameter["name"]
        validate(parameter["example"], parameter["schema"])
    for where, content in contents(operation):
        if content:
            assert "example" in content, where
            validate(content["example"], content["schema"])


def test_examples_file_holds_nothing_that_is_not_used() -> None:
    named = {operation["operationId"].replace("_", ".", 1) for operation in OPERATIONS.values()}
    assert set(examples()["operations"]) <= named
    used = {p["name"] for operation in OPERATIONS.values() for p in operation.get("parameters", ())}
    assert set(examples()["parameters"]) <= used


@pytest.mark.parametrize("name", ALL["components"]["examples"])
def test_error_example_carries_the_metadata_of_its_reason(name: str) -> None:
    details = ALL["components"]["examples"][name]["value"]["details"]
    assert set(details[0]["metadata"]) == set(meaning_of(reason_named(name)).metadata_keys)


def events_of(template: str) -> dict[str, Any]:
    operation = ALL["paths"][template]["get"]
    described: dict[str, Any] = operation["responses"]["200"]["content"][STREAM_TYPE]
    return described


def parsed(stream: str) -> Iterator[tuple[str, Any]]:
    """(name, data) of every event of a stream."""
    for block in stream.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            yield fields["event"], json.loads(fields["data"])


@pytest.mark.parametrize("template", sse_templates())
def test_example_stream_is_made_of_described_events(template: str) -> None:
    described = events_of(template)
    shown = list(parsed(described["example"]))
    assert shown[-1][0] == "done"
    for name, data in shown:
        validate(data, described["x-sse-events"][name])


@pytest.mark.parametrize(
    ("template", "domain"),
    [("/api/v1/scan/{job_id}/events", "scan"), ("/api/v1/chat/{job_id}/events", "chat")],
)
def test_frames_of_the_bridge_are_what_is_described(template: str, domain: str) -> None:
    described = events_of(template)["x-sse-events"]
    done = dict(parsed(events_of(template)["example"]))["done"]["result"]
    stored = StoredEvent(StreamId(1_769_552_400_123, 0), "9f0c5b3e-6d3f", "", "", 11)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = [
        stored._replace(stage=stage, status=status, progress=row.started, traceparent=trace)
        for stage, row in stages.STAGES[domain].items()
        for status in (stages.STARTED, stages.COMPLETED, stages.FAILED)
        if stage not in (stages.DONE, "needs_input")
    ]
    sent.append(
        stored._replace(stage="done", status="completed", result=json.dumps(done), message="")
    )
    if domain == "chat":
        asked = '{"input_type":"location","timeout":60}'
        sent += [
            stored._replace(
                stage="needs_input", status="waiting", result=asked, message="어디예요?"
            ),
            stored._replace(
                stage="token", status="streaming", seq=1001, content="페", node="answer"
            ),
            stored._replace(stage="token_recovery", status="snapshot", seq=1002, content="페트"),
        ]
    frames_sent = "".join(frames.event(event).decode() for event in sent) + frames.TIMEOUT.decode()
    names = set()
    for name, data in parsed(frames_sent):
        validate(data, described[name])
        names.add(name)
    assert names | {"keepalive"} == set(described)


def test_a_schema_of_events_refuses_another_event() -> None:
    described = events_of("/api/v1/chat/{job_id}/events")["x-sse-events"]
    with pytest.raises(ValidationError):
        validate({"job_id": "9f0c"}, described["token"])


def test_scan_and_chat_describe_their_streams_in_their_own_documents() -> None:
    for domain in ("scan", "chat"):
        path = f"/api/v1/{domain}/{{job_id}}/events"
        assert path in DOCUMENTS[domain]["paths"]
        assert path not in DOCUMENTS["users"]["paths"]
        assert DOCUMENTS[domain]["paths"][path]["get"]["tags"] == [domain]

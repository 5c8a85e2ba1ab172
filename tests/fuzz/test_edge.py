"""Requests generated from the OpenAPI document, valid and invalid ones, through the edge.

`make test` sends a few an operation, always the same ones; `make fuzz` sends a hundred and more,
new ones every time (``ECO2_FUZZ_EXAMPLES``). A failure prints a curl command that repeats it.
"""

from __future__ import annotations

import json
import os
import uuid
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi import checks as by_document

from mesh.local.ephemeral_stack import EphemeralStack
from services.runtime.routes import DESCRIPTOR, route_for
from tests import sample
from tests.contract.edge import ORIGIN
from tests.sample import Sample, Session

EXAMPLES: Final = int(os.environ.get("ECO2_FUZZ_EXAMPLES", "5"))
LONG: Final = EXAMPLES >= 100
DOCUMENT: Final = json.loads((DESCRIPTOR.parents[1] / "openapi" / "eco2.json").read_text())
EVENT_STREAM: Final = "text/event-stream"
SECONDS: Final = 95.0
"""Longest answer; an event stream of a job that has ended ends at once."""

CHECKS: Final = [
    by_document.status_code_conformance,
    by_document.content_type_conformance,
    by_document.response_headers_conformance,
    by_document.response_schema_conformance,  # an event stream has schemas of its own
]

FAULTS: Final = (500, 502, 503, 504)

MAY_BE_UNAVAILABLE: Final = frozenset(
    {"auth_StartLogin", "auth_StartLogin_login", "auth_GetAuthorizationUrl", "chat_AskOnce"}
)
"""Operations that need what this stack has not: a key of a sign-in provider, a model in time."""

WAITS: Final = "chat_AskOnce"
"""Every valid request of it waits for an answer; only the long run has time for that."""

KEEPS_SAMPLE: Final = frozenset({"chat_DeleteChat"})
"""Operations that would take away what others ask for."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(SECONDS * EXAMPLES)]

document: Any = schemathesis.openapi.from_dict(DOCUMENT)
if not LONG:
    document = document.exclude(operation_id=WAITS)
document.config.phases.coverage.unexpected_methods = {"get", "put", "post", "delete", "patch"}
"""QUERY is no method to Envoy, which answers 400 by itself; OPTIONS and TRACE likewise."""


@pytest.fixture(scope="session")
def http() -> Iterator[requests.Session]:
    """Connections to the edge; redirects are answers and not followed."""
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


@pytest.fixture(scope="session")
def leaving(stack: EphemeralStack) -> Session:
    """A user who may be deleted."""
    return sample.sign_in(stack, "fuzz-leaving")


@document.parametrize()  # type: ignore[untyped-decorator]
@settings(
    max_examples=EXAMPLES,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answer_is_described(
    case: Any, stack: EphemeralStack, sampled: Sample, leaving: Session, http: requests.Session
) -> None:
    operation = case.operation.definition.raw.get("operationId")
    if case.path.startswith("/api/v1/locations"):
        sample.needs_places(sampled)
    if operation not in KEEPS_SAMPLE:
        _name_what_exists(case, sampled)
    headers = {"origin": ORIGIN}
    if operation == "users_DeleteMe":
        headers |= leaving.bearer
    elif case.operation.definition.raw.get("security"):
        headers |= sampled.session.bearer
    response = case.call(
        base_url=stack.base_url,
        session=http,
        headers=headers,
        timeout=SECONDS,
        allow_redirects=False,
    )
    assert response.status_code not in FAULTS or operation in MAY_BE_UNAVAILABLE, (
        case.as_curl_command()
    )
    path = urlsplit(response.request.url or "").path
    if case.method.upper() == case.operation.method.upper():
        is_stream = response.headers.get("content-type", [""])[0].startswith(EVENT_STREAM)
        if is_stream:
            _validate_events(case, response.content.decode())
        case.validate_response(response, checks=CHECKS[:-1] if is_stream else CHECKS)
    elif route_for(case.method.upper(), path) is None:  # else it is another operation's
        assert response.status_code in (400, 404, 405), case.as_curl_command()


def _validate_events(case: Any, stream: str) -> None:
    """Every event's data must be as its name's schema says."""
    content = case.operation.definition.raw["responses"]["200"]["content"][EVENT_STREAM]
    for frame in stream.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.split("\n") if ": " in line)
        if "data" not in fields:
            continue
        schema = content["x-sse-events"][fields["event"]]
        validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        validator.validate(json.loads(fields["data"]))


def _name_what_exists(case: Any, sampled: Sample) -> None:
    """Every other valid id in the path becomes one of the sampled user's."""
    known = {
        "chat_id": sampled.chat_id,
        "job_id": sampled.chat_job_id if "/chat/" in case.path else sampled.scan_job_id,
    }
    for name, value in dict(case.path_parameters or {}).items():
        if name in known and _is_uuid(value) and zlib.crc32(repr(_drawn(case)).encode()) % 2:
            case.path_parameters[name] = known[name]


def _drawn(case: Any) -> tuple[Mapping[str, Any], ...]:
    return (dict(case.path_parameters or {}), dict(case.query or {}), {"body": case.body})


def _is_uuid(value: object) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True

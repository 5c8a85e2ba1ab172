from __future__ import annotations

import re
from pathlib import Path

import grpc
import pytest
from eco2.errors.v1 import error_reason_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.rpc import error_details_pb2

from services.runtime.errors import (
    DomainError,
    meaning_of,
    reason_named,
    status_document,
    status_of,
    trailers_of,
)

ROOT = Path(__file__).resolve().parents[3]
VALUES = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values
REASONS = [value for value in VALUES if value.number != 0]
SOURCES = [
    path
    for folder in ("services", "edge", "streaming")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".lua", ".sql"}
]


@pytest.mark.parametrize("value", REASONS, ids=lambda value: value.name)
def test_every_reason_states_code_status_and_korean_text(value: object) -> None:
    meaning = meaning_of(value.number)  # type: ignore[attr-defined]
    assert meaning.code is not grpc.StatusCode.OK
    assert 400 <= meaning.http_status < 600
    assert re.search("[가-힣]", meaning.message_ko)


@pytest.mark.parametrize("value", REASONS, ids=lambda value: value.name)
def test_every_listed_reason_is_given_somewhere(value: object) -> None:
    name = value.name  # type: ignore[attr-defined]
    short = name.removeprefix("ERROR_REASON_")
    pattern = re.compile(rf"\b(?:{name}|(?<=[\"']){short}(?=[\"']))\b")
    assert any(pattern.search(path.read_text(encoding="utf-8")) for path in SOURCES)


def test_every_reason_used_in_code_is_listed() -> None:
    listed = {value.name for value in VALUES}
    used = {
        name
        for path in SOURCES
        for name in re.findall(r"\bERROR_REASON_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }
    assert used <= listed


def test_status_carries_reason_text_violations_and_delay() -> None:
    error = DomainError(
        ErrorReason.ERROR_REASON_VALIDATION_FAILED,
        "limit: too large",
        violations=[("limit", "too large")],
        retry_after_seconds=1.5,
    )
    status = status_of(error)
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    info, text, bad = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.LocalizedMessage(),
        error_details_pb2.BadRequest(),
    )
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(text)
    assert status.details[2].Unpack(bad)
    assert (info.reason, info.domain) == ("VALIDATION_FAILED", "eco2")
    assert text.locale == "ko-KR"
    assert bad.field_violations[0].field == "limit"
    assert ("x-http-status", "422") in trailers_of(error)
    assert ("retry-after", "2") in trailers_of(error)


def test_json_document_has_the_same_details_as_the_status() -> None:
    error = DomainError(ErrorReason.ERROR_REASON_JOB_NOT_FOUND, "no such job", metadata={"a": "b"})
    document = status_document(error)
    assert document["code"] == 5
    assert document["details"][0]["metadata"] == {"a": "b"}
    assert [detail["@type"].rsplit(".", 1)[-1] for detail in document["details"]] == [
        detail.type_url.rsplit(".", 1)[-1] for detail in status_of(error).details
    ]


def test_unknown_reason_name_is_refused() -> None:
    with pytest.raises(ValueError, match="ERROR_REASON_NOPE"):
        reason_named("NOPE")

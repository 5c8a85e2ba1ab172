"""Domain errors and their meaning on the wire.

A :class:`DomainError` names an ``ErrorReason``; gRPC code, HTTP status and Korean text come from
the option on the reason in ``proto/eco2/errors/v1/error_reason.proto``, and nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import grpc
from eco2.errors.v1 import error_reason_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.options.v1 import options_pb2
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

ERROR_DOMAIN = "eco2"
PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason means on the wire."""

    name: str
    """Without the enum prefix, as ErrorInfo.reason carries it."""
    code: grpc.StatusCode
    http_status: int
    message_ko: str
    metadata_keys: tuple[str, ...] = ()
    """Keys of ErrorInfo.metadata."""


class DomainError(Exception):
    """A call that fails for a reason the caller can act on.

    `message` is English text for developers and must hold no secret. `violations` are pairs of
    field path and what is wrong with it. `retry_after_seconds` becomes ``Retry-After``.
    """

    def __init__(
        self,
        reason: ErrorReason.ValueType,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[tuple[str, str]] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_seconds = retry_after_seconds

    @property
    def meaning(self) -> Meaning:
        """Code, status and text of the reason."""
        return meaning_of(self.reason)


@cache
def meaning_of(reason: ErrorReason.ValueType) -> Meaning:
    """Meaning of a reason; ValueError when the enum states none."""
    value = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values_by_number[reason]
    option = value.GetOptions().Extensions[options_pb2.error]
    if not option.code:
        raise ValueError(f"{value.name} has no meaning: give it the option eco2.options.v1.error")
    return Meaning(
        name=value.name.removeprefix(PREFIX),
        code=grpc.StatusCode[option.code],
        http_status=option.http_status,
        message_ko=option.message_ko,
        metadata_keys=tuple(option.metadata_keys),
    )


def reason_named(name: str) -> ErrorReason.ValueType:
    """The reason of a name without prefix; ValueError for an unknown one."""
    return ErrorReason.Value(PREFIX + name)


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def status_of(error: DomainError) -> status_pb2.Status:
    """google.rpc.Status of an error: ErrorInfo, LocalizedMessage, BadRequest, RetryInfo."""
    meaning = error.meaning
    details = [
        _packed(
            error_details_pb2.ErrorInfo(
                reason=meaning.name, domain=ERROR_DOMAIN, metadata=error.metadata
            )
        ),
        _packed(error_details_pb2.LocalizedMessage(locale="ko-KR", message=meaning.message_ko)),
    ]
    if error.violations:
        details.append(
            _packed(
                error_details_pb2.BadRequest(
                    field_violations=[
                        error_details_pb2.BadRequest.FieldViolation(field=name, description=text)
                        for name, text in error.violations
                    ]
                )
            )
        )
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after_seconds * 1e9))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=meaning.code.value[0], message=error.message, details=details)


def trailers_of(error: DomainError) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata of a failed call, HTTP status and Retry-After for the edge included."""
    trailers: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status_of(error).SerializeToString()),
        ("x-http-status", str(error.meaning.http_status)),
    ]
    if error.retry_after_seconds is not None:
        trailers.append(("retry-after", str(max(1, math.ceil(error.retry_after_seconds)))))
    return tuple(trailers)


def status_document(error: DomainError) -> dict[str, Any]:
    """The same status as the JSON body that the edge's transcoder makes of it."""
    meaning = error.meaning
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": meaning.name,
            "domain": ERROR_DOMAIN,
            "metadata": error.metadata,
        },
        {
            "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
            "locale": "ko-KR",
            "message": meaning.message_ko,
        },
    ]
    if error.violations:
        details.append(
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "field_violations": [
                    {"field": name, "description": text} for name, text in error.violations
                ],
            }
        )
    return {"code": meaning.code.value[0], "message": error.message, "details": details}


def status_json(reason: ErrorReason.ValueType, message: str, **metadata: str) -> bytes:
    """JSON body of a failed call, for servers that answer HTTP themselves."""
    document = status_document(DomainError(reason, message, metadata=metadata))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

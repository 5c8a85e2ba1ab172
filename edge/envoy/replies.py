"""Bodies of the answers that Envoy makes itself: google.rpc.Status as JSON, like everybody's.

Envoy's own answers are plain text (``upstream connect error …``) or empty. The mappers below
replace them by reason, taken from ``eco2.errors.v1.ErrorReason``, so that clients find one shape
whoever refused. To a gRPC client the body becomes ``grpc-message``, so it stays plain text there.
"""

from __future__ import annotations

from typing import Any, Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.envoy.settings import EdgeSettings
from services.runtime.errors import DomainError, meaning_of, status_document

Json = dict[str, Any]

AUTHORIZATION_FAILED: Final = "ext_authz_error"
"""Response code detail of a check that could not be made (ext-authz down or too slow)."""

GRPC_TYPES: Final = r"application/grpc(\+.*)?"

_BODY: Final = "%LOCAL_REPLY_BODY%"


def document(reason: ErrorReason.ValueType, message: str, **metadata: str) -> Json:
    """google.rpc.Status of a reason, as JSON."""
    return status_document(DomainError(reason, message, metadata=metadata))


def local_replies(settings: EdgeSettings) -> Json:
    """``local_reply_config`` of the connection manager; the first mapper that fits is used."""
    limit = str(settings.edge_max_body_bytes)
    reason = ErrorReason
    return {
        "mappers": [
            _plain_for_grpc(),
            _mapper(
                _all(_status(503), _flag("UAEX")),
                document(
                    reason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE,
                    "the authorization server does not answer",
                ),
                retry_after_seconds=1,
            ),
            _passed_through(_flag("UAEX")),
            _mapper(
                _status(400),
                document(
                    reason.ERROR_REASON_MALFORMED_REQUEST,
                    "the request can't be read",
                    detail=_BODY,
                ),
            ),
            _mapper(
                _status(404), document(reason.ERROR_REASON_ROUTE_NOT_FOUND, "no such resource")
            ),
            _mapper(
                _status(405),
                document(
                    reason.ERROR_REASON_METHOD_NOT_ALLOWED, "the path does not take this method"
                ),
            ),
            _mapper(
                _status(408),
                document(reason.ERROR_REASON_DEADLINE_EXCEEDED, "the request took too long"),
            ),
            _mapper(
                _status(413),
                document(
                    reason.ERROR_REASON_PAYLOAD_TOO_LARGE,
                    "the body is too large",
                    limit_bytes=limit,
                ),
            ),
            _mapper(
                _status(431),
                document(
                    reason.ERROR_REASON_PAYLOAD_TOO_LARGE,
                    "the headers are too large",
                    limit_bytes=str(settings.edge_max_header_kib * 1024),
                ),
            ),
            _mapper(
                _status(504),
                document(reason.ERROR_REASON_DEADLINE_EXCEEDED, "the service took too long"),
            ),
            _mapper(
                _any(_status(502), _status(503)),
                document(
                    reason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
                    "the service does not answer",
                    dependency="%UPSTREAM_CLUSTER%",
                ),
                retry_after_seconds=1,
            ),
            _mapper(
                _status(500, "GE"),
                document(
                    reason.ERROR_REASON_INTERNAL,
                    "the edge could not answer",
                    error_id="%REQ(X-REQUEST-ID)%",
                ),
            ),
            _mapper(
                _status(401, "GE"),
                document(reason.ERROR_REASON_MALFORMED_REQUEST, "the request is not acceptable"),
            ),
        ]
    }


def korean(reason: ErrorReason.ValueType) -> str:
    """Text for the user."""
    return meaning_of(reason).message_ko


def _status(code: int, comparison: str = "EQ") -> Json:
    value = {"default_value": code, "runtime_key": f"eco2.reply.{comparison.lower()}.{code}"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _flag(*flags: str) -> Json:
    return {"response_flag_filter": {"flags": list(flags)}}


def _all(*filters: Json) -> Json:
    return {"and_filter": {"filters": list(filters)}}


def _any(*filters: Json) -> Json:
    return {"or_filter": {"filters": list(filters)}}


def _mapper(condition: Json, body: Json, *, retry_after_seconds: int = 0) -> Json:
    mapper: Json = {
        "filter": condition,
        "body_format_override": {
            "json_format": body,
            "content_type": "application/json",
        },
    }
    if retry_after_seconds:
        header = {"key": "retry-after", "value": str(retry_after_seconds)}
        mapper["headers_to_add"] = [
            {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ]
    return mapper


def _passed_through(condition: Json) -> Json:
    """A body that is JSON already: ext-authz wrote it."""
    return {
        "filter": condition,
        "body_format_override": {
            "text_format_source": {"inline_string": _BODY},
            "content_type": "application/json",
        },
    }


def _plain_for_grpc() -> Json:
    """Leave the text alone for gRPC clients.

    A request the transcoder has turned into a gRPC call looks like one as well, but carries the
    path it came with.
    """
    content_type = {"name": "content-type", "string_match": {"safe_regex": {"regex": GRPC_TYPES}}}
    transcoded = {"name": "x-envoy-original-path", "present_match": True, "invert_match": True}
    return {
        "filter": _all(
            {"header_filter": {"header": content_type}},
            {"header_filter": {"header": transcoded}},
        ),
        "body_format_override": {"text_format_source": {"inline_string": _BODY}},
    }

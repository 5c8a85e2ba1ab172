"""Error responses of the OpenAPI documents, from the error reasons and their meanings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from services.cli.openapi_examples import metadata
from services.cli.openapi_schemas import Json
from services.runtime.errors import DomainError, meaning_of, reason_named, status_document

_SESSION_REASONS: Final = (
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "TOKEN_EXPIRED",
    "TOKEN_REVOKED",
    "TOKEN_TYPE_MISMATCH",
    "AUTHORIZATION_UNAVAILABLE",
)
HEADER_REASONS: Final = ("MALFORMED_REQUEST",)
"""Reasons of a request that has nothing but headers, which the edge may not be able to read."""

ANY_REASONS: Final = (*HEADER_REASONS, "DEPENDENCY_UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL")
BODY_REASONS: Final = ("PAYLOAD_TOO_LARGE",)

STATUS_SCHEMA: Final[Json] = {
    "type": "object",
    "description": "google.rpc.Status. ErrorInfo.reason is for programs, LocalizedMessage.message "
    "for people, message for developers.",
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"type": "integer", "format": "int32", "description": "google.rpc.Code."},
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["@type"],
                "properties": {"@type": {"type": "string"}},
            },
        },
    },
}


def named_reasons(comment: str) -> list[str]:
    """Reasons after ``Errors:`` in the comment of an RPC; ValueError for an unknown one."""
    match = re.search(r"Errors: ([A-Z_, ]+)\.", comment)
    names = [name.strip() for name in match[1].split(",")] if match else []
    for name in names:
        reason_named(name)
    return names


def refusals(reasons: Iterable[str], *, session: bool) -> Json:
    """Error responses by status, each with an example per reason; `session` adds those of who has
    to be signed in.
    """
    names = [*reasons, *(_SESSION_REASONS if session else ())]
    grouped: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        grouped.setdefault(meaning_of(reason_named(name)).http_status, []).append(name)
    return {
        str(status): {
            "description": ", ".join(grouped[status]) + ".",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Status"},
                    "examples": {
                        name: {"$ref": f"#/components/examples/{name}"} for name in grouped[status]
                    },
                }
            },
        }
        for status in sorted(grouped)
    }


def example(name: str) -> Json:
    """Body of a refusal for that reason."""
    meaning = meaning_of(reason_named(name))
    violations = (("limit", "must be at most 100"),) if name == "VALIDATION_FAILED" else ()
    return status_document(
        DomainError(
            reason_named(name),
            name.lower().replace("_", " "),
            metadata=metadata(meaning.metadata_keys),
            violations=violations,
        )
    )

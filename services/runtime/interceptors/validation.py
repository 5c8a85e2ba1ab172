"""Checks requests against the buf.validate rules of their messages."""

from __future__ import annotations

from typing import Any

import protovalidate
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError
from services.runtime.interceptors.method import Call, Method

_validator = protovalidate.Validator()


def violations_of(message: Any) -> list[tuple[str, str]]:
    """Pairs of field path and what is wrong with it."""
    return [
        (_path(violation.proto), violation.proto.message or violation.proto.rule_id)
        for violation in _validator.collect_violations(message)
    ]


def _path(violation: Any) -> str:
    """Dotted path of the field, for example ``classification.major_category``."""
    parts: list[str] = []
    for element in violation.field.elements if violation.field else ():
        subscript = element.subscript
        key = "" if subscript is None else f"[{subscript.value}]"
        parts.append(f"{element.field_name}{key}")
    return ".".join(parts)


def validation(method: Method, call: Call) -> Call:
    """The layer."""

    async def validated(request: Any, context: Any) -> Any:
        violations = violations_of(request)
        if violations:
            summary = "; ".join(f"{field}: {text}" for field, text in violations)
            raise DomainError(
                ErrorReason.ERROR_REASON_VALIDATION_FAILED, summary, violations=violations
            )
        return await call(request, context)

    return validated

"""Checks requests against the buf.validate rules of their messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.message import DecodeError

from services.runtime.errors import DomainError
from services.runtime.interceptors.method import Call, Method

OURS: Final = "/eco2."
"""Start of the paths whose messages may have rules."""


@cache
def _validator() -> Any:
    """Made by the first service that may need it: a process without one saves 11 MiB."""
    import protovalidate

    return protovalidate.Validator()


def violations_of(message: Any) -> list[tuple[str, str]]:
    """Pairs of field path and what is wrong with it."""
    return [
        (_path(violation.proto), violation.proto.message or violation.proto.rule_id)
        for violation in _validator().collect_violations(message)
    ]


def _path(violation: Any) -> str:
    """Dotted path of the field, for example ``classification.major_category``."""
    parts: list[str] = []
    for element in violation.field.elements if violation.field else ():
        subscript = element.subscript
        key = "" if subscript is None else f"[{subscript.value}]"
        parts.append(f"{element.field_name}{key}")
    return ".".join(parts)


class Illegible:
    """Stands for a request that is no valid message, until the layer refuses it."""


def lenient(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The deserializer `read` without its exception, whose text gRPC would send to the caller."""

    def deserialize(data: bytes) -> Any:
        try:
            return read(data)
        except DecodeError:
            return Illegible()

    return deserialize


def validation(method: Method, call: Call) -> Call:
    """The layer."""
    has_rules = method.path.startswith(OURS)
    if has_rules:
        _validator()

    async def validated(request: Any, context: Any) -> Any:
        if isinstance(request, Illegible):
            raise DomainError(
                ErrorReason.ERROR_REASON_VALIDATION_FAILED,
                "the request is no valid message; texts are UTF-8",
            )
        if has_rules and (violations := violations_of(request)):
            summary = "; ".join(f"{field}: {text}" for field, text in violations)
            raise DomainError(
                ErrorReason.ERROR_REASON_VALIDATION_FAILED, summary, violations=violations
            )
        return await call(request, context)

    return validated

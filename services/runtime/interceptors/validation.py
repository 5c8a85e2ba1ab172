"""Checks requests against the buf.validate rules of their messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from buf.validate import validate_pb2
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from services.runtime.errors import DomainError
from services.runtime.interceptors.method import Call, Method


@cache
def _validator() -> Any:
    """Made by the first service that may need it: a process without one saves 11 MiB."""
    import protovalidate

    return protovalidate.Validator()


def has_rules(message: Descriptor, seen: frozenset[str] = frozenset()) -> bool:
    """Whether anything is demanded of a message, of its fields or of the messages in them."""
    if message.full_name in seen:
        return False
    seen |= {message.full_name}
    return (
        message.GetOptions().HasExtension(validate_pb2.message)
        or any(oneof.GetOptions().HasExtension(validate_pb2.oneof) for oneof in message.oneofs)
        or any(field.GetOptions().HasExtension(validate_pb2.field) for field in message.fields)
        or any(
            has_rules(field.message_type, seen) for field in message.fields if field.message_type
        )
    )


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
    ruled = method.request is not None and has_rules(method.request)
    if ruled:
        _validator()

    async def validated(request: Any, context: Any) -> Any:
        if isinstance(request, Illegible):
            raise DomainError(
                ErrorReason.ERROR_REASON_VALIDATION_FAILED,
                "the request is no valid message; texts are UTF-8",
            )
        if ruled and (violations := violations_of(request)):
            summary = "; ".join(f"{field}: {text}" for field, text in violations)
            raise DomainError(
                ErrorReason.ERROR_REASON_VALIDATION_FAILED, summary, violations=violations
            )
        return await call(request, context)

    return validated

"""Puts the caller's identity in place and enforces the access option of the method."""

from __future__ import annotations

from typing import Any

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.options.v1 import options_pb2

from services.runtime.errors import DomainError
from services.runtime.identity import from_metadata, set_current
from services.runtime.interceptors.method import Call, Method


def identity(method: Method, call: Call) -> Call:
    """The layer."""
    exposed = method.access in (options_pb2.ACCESS_PUBLIC, options_pb2.ACCESS_SESSION)
    needs_user = method.access == options_pb2.ACCESS_SESSION

    async def identified(request: Any, context: Any) -> Any:
        caller = from_metadata(context.invocation_metadata() or ())
        if caller.from_edge and not exposed:
            raise DomainError(
                ErrorReason.ERROR_REASON_METHOD_NOT_EXPOSED,
                "the method is internal",
                metadata={"method": method.path},
            )
        if needs_user and not caller.user_id:
            raise DomainError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "the call carries no user")
        set_current(caller)
        return await call(request, context)

    return identified

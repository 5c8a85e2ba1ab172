"""Errors of calls to other services, turned back into the domain errors they were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import grpc.aio
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from services.runtime.errors import ERROR_DOMAIN, DomainError, reason_named

STATUS_DETAILS = "grpc-status-details-bin"

_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def domain_error(error: grpc.aio.AioRpcError, dependency: str) -> DomainError | None:
    """What a failed call to `dependency` means for the caller's own caller.

    The reason the service gave, with its metadata; DEPENDENCY_UNAVAILABLE when it could not be
    reached in time; None when the failure explains nothing (a fault on either side).
    """
    info = _error_info(error)
    if info is not None:
        try:
            reason = reason_named(info.reason)
        except ValueError:
            return None  # of a newer version than this one
        return DomainError(reason, error.details() or info.reason, metadata=info.metadata)
    if error.code() in _AWAY:
        return DomainError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
            f"{dependency} did not answer: {error.code().name}",
            metadata={"dependency": dependency},
        )
    return None


def _error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    trailers = cast(Iterable[tuple[str, Any]], error.trailing_metadata() or ())
    for key, value in trailers:
        if key != STATUS_DETAILS:
            continue
        try:
            status = status_pb2.Status.FromString(value)
        except DecodeError:
            return None
        for detail in status.details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info) and info.domain == ERROR_DOMAIN:
                return info
    return None

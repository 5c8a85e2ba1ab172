"""Maps whatever a call raises to a status with details; no traceback leaves the server."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import grpc.aio
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from redis.exceptions import RedisError

from services.runtime import logs
from services.runtime.errors import DomainError, trailers_of
from services.runtime.interceptors.method import Call, Method

log = logs.get(__name__)

UNAVAILABLE = ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE


def domain_error_of(fault: BaseException, path: str) -> DomainError:
    """The error a caller sees for a fault. Faults of ours are logged under the error_id sent."""
    if isinstance(fault, DomainError):
        return fault
    if isinstance(fault, asyncpg.PostgresConnectionError | asyncpg.InterfaceError | OSError):
        return _unavailable("postgres" if "asyncpg" in type(fault).__module__ else "network", fault)
    if isinstance(fault, asyncpg.QueryCanceledError | asyncpg.TooManyConnectionsError):
        return _unavailable("postgres", fault)
    if isinstance(fault, asyncpg.CannotConnectNowError | asyncpg.AdminShutdownError):
        return _unavailable("postgres", fault)
    if isinstance(fault, RedisError):
        return _unavailable("redis", fault)
    if isinstance(fault, grpc.aio.AioRpcError) and fault.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ):
        return _unavailable("grpc", fault)
    error_id = uuid.uuid4().hex
    log.exception("call failed by a fault", method=path, error_id=error_id)
    return DomainError(
        ErrorReason.ERROR_REASON_INTERNAL, "internal error", metadata={"error_id": error_id}
    )


def _unavailable(dependency: str, fault: BaseException) -> DomainError:
    log.warning("dependency unavailable", dependency=dependency, error=type(fault).__name__)
    return DomainError(
        UNAVAILABLE,
        f"{dependency} is not available",
        metadata={"dependency": dependency},
        retry_after_seconds=1,
    )


def errors(method: Method, call: Call) -> Call:
    """The layer."""

    async def guarded(request: Any, context: Any) -> Any:
        try:
            return await call(request, context)
        except (asyncio.CancelledError, grpc.aio.AbortError):
            raise
        except Exception as fault:
            error = domain_error_of(fault, method.path)
            log.info(
                "call refused",
                method=method.path,
                reason=error.meaning.name,
                error=error.message,
            )
            await context.abort(error.meaning.code, error.message, trailers_of(error))

    return guarded

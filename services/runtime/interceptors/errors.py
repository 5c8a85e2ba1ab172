"""Maps whatever a call raises to a status with details; no traceback leaves the server."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Any

import grpc
import grpc.aio
from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime import logs
from services.runtime.errors import DomainError, trailers_of
from services.runtime.interceptors.method import Call, Method

log = logs.get(__name__)

UNAVAILABLE = ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE


def domain_error_of(fault: BaseException, path: str) -> DomainError:
    """The error a caller sees for a fault. Faults of ours are logged under the error_id sent."""
    if isinstance(fault, DomainError):
        return fault
    if _is_of_postgres(fault):
        return _unavailable("postgres", fault)
    if isinstance(fault, OSError):
        return _unavailable("network", fault)
    if _is_of_redis(fault):
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


def _is_of_postgres(fault: BaseException) -> bool:
    """Whether PostgreSQL is away; a process that has no pool has not imported its client."""
    asyncpg = sys.modules.get("asyncpg")
    return asyncpg is not None and isinstance(
        fault,
        asyncpg.PostgresConnectionError
        | asyncpg.InterfaceError
        | asyncpg.QueryCanceledError
        | asyncpg.TooManyConnectionsError
        | asyncpg.CannotConnectNowError
        | asyncpg.AdminShutdownError,
    )


def _is_of_redis(fault: BaseException) -> bool:
    """Whether Redis is away; a process that has no client has not imported it."""
    exceptions = sys.modules.get("redis.exceptions")
    return exceptions is not None and isinstance(fault, exceptions.RedisError)


def _unavailable(dependency: str, fault: BaseException) -> DomainError:
    log.repeated("dependency unavailable", dependency=dependency, error=type(fault).__name__)
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

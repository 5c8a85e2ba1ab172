"""Who is calling, from the metadata the edge injects.

Only the edge's authorization server writes ``x-user-id``, ``x-auth-provider`` and
``x-session-id``: the edge strips what clients send under these names. Everything that came through
the edge carries ``x-eco2-edge``; such calls never reach internal methods.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError

USER_ID = "x-user-id"
PROVIDER = "x-auth-provider"
SESSION_ID = "x-session-id"
FROM_EDGE = "x-eco2-edge"


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of the current RPC."""

    user_id: str = ""
    """UUID, empty when nobody is signed in."""
    provider: str = ""
    """Sign-in provider of the session."""
    session_id: str = ""
    from_edge: bool = False
    """Whether the call came in through the edge."""


NOBODY = Identity()
_current: ContextVar[Identity] = ContextVar("eco2_identity", default=NOBODY)


def from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> Identity:
    """Identity carried by gRPC metadata; DomainError when the user id is no UUID."""
    given = dict(metadata)
    user_id = given.get(USER_ID)
    return Identity(
        "" if not user_id else _canonical(str(user_id)),
        str(given.get(PROVIDER, "")),
        str(given.get(SESSION_ID, "")),
        FROM_EDGE in given,
    )


@lru_cache(maxsize=4096)
def _canonical(user_id: str) -> str:
    """A user id as UUIDs are written; DomainError when it is none."""
    try:
        return str(uuid.UUID(user_id))
    except ValueError:
        raise DomainError(
            ErrorReason.ERROR_REASON_UNAUTHENTICATED, f"{USER_ID} is not a UUID"
        ) from None


def set_current(identity: Identity) -> None:
    """Make `identity` the caller for the rest of this task."""
    _current.set(identity)


def current() -> Identity:
    """The caller of the RPC this task serves."""
    return _current.get()


def require_user() -> str:
    """UUID of the signed-in caller; DomainError UNAUTHENTICATED when there is none."""
    user_id = _current.get().user_id
    if not user_id:
        raise DomainError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "the call carries no user")
    return user_id

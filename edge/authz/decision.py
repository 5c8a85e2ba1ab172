"""May this request pass, and as whom: the one decision behind both wires of ext-authz.

Pure: everything it depends on is an argument. A key that is not known yet is an outcome of its own,
so that fetching it stays outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from edge.authz.credentials import CredentialError, access_token
from edge.authz.rules import AccessRules
from edge.authz.tokens import Claims, TokenError
from services.runtime.signed_tokens import UnknownKeyError


class Request(NamedTuple):
    """What is known of a request, the same on both wires."""

    method: str
    """HTTP method, upper case."""

    path: str
    """Normalised path without its query."""

    authorization: str | None = None
    """Authorization header; several are joined with commas."""

    cookie: str | None = None
    """Cookie header; several are joined with "; "."""

    origin: str | None = None
    """Origin header of a browser."""

    grpc: bool = False
    """Whether the client speaks gRPC itself."""

    request_id: str = ""
    """x-request-id, which the edge gives every request."""


def speaks_grpc(content_type: str) -> bool:
    """Whether a request with this content type is a gRPC call, by Envoy's own rule."""
    return content_type == "application/grpc" or content_type.startswith("application/grpc+")


class Allow(NamedTuple):
    """Let it pass."""

    caller: Claims | None
    """Whose request it is; None where nobody has to sign in."""

    keeps_credentials: bool = False
    """Whether cookies and Authorization are forwarded; the auth domain reads its refresh token."""


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse it."""

    reason: ErrorReason.ValueType
    message: str
    """English, for developers; holds no secret."""

    metadata: tuple[tuple[str, str], ...] = ()
    """Pairs for ErrorInfo.metadata."""


@dataclass(frozen=True, slots=True)
class NeedKey:
    """The token names a key that is not known; fetch the keys and decide again."""

    kid: str


Decision = Allow | Deny
"""What a wire answers with."""


class TokenVerifier(Protocol):
    """Knows the keys."""

    def verify(self, token: str, now: float) -> Claims:
        """Claims of a valid access token; TokenError, or UnknownKeyError when the key is new."""


class Revocations(Protocol):
    """Sessions that have been ended before their time."""

    def trusted(self) -> bool:
        """Whether what is known is complete and recent enough to let anybody pass."""

    def revoked(self, session: bytes) -> bool:
        """Whether the session, by the 16 bytes of its UUID, has been ended."""


ANONYMOUS: Final = Allow(None)
ANONYMOUS_AT_AUTH: Final = Allow(None, keeps_credentials=True)

_MISSING: Final = Deny(ErrorReason.ERROR_REASON_TOKEN_MISSING, "no access token was sent")
_REVOKED: Final = Deny(ErrorReason.ERROR_REASON_TOKEN_REVOKED, "the session has been ended")
_UNTRUSTED: Final = Deny(
    ErrorReason.ERROR_REASON_AUTHORIZATION_UNAVAILABLE,
    "it is not known which sessions have been ended",
)
_UNKNOWN_ROUTE: Final = Deny(ErrorReason.ERROR_REASON_ROUTE_NOT_FOUND, "no such resource")


def decide(
    request: Request,
    now: float,
    tokens: TokenVerifier,
    revocations: Revocations,
    rules: AccessRules,
) -> Allow | Deny | NeedKey:
    """Decide at the time `now` (epoch seconds). What no rule names is refused; nobody signed in
    passes while the revocations can't be trusted, which is no fault of theirs (503).
    """
    if request.method == "OPTIONS":  # a preflight carries no credentials (Fetch, CORS protocol)
        return ANONYMOUS
    rule = rules.rule_for(request.method, request.path)
    if rule is None:
        return _UNKNOWN_ROUTE
    if rule.access == "public":
        return ANONYMOUS_AT_AUTH if rule.domain == "auth" else ANONYMOUS
    if rule.access != "session":
        return Deny(
            ErrorReason.ERROR_REASON_METHOD_NOT_EXPOSED,
            "the method is internal",
            (("method", rule.rpc),),
        )
    try:
        token = access_token(request.cookie, request.authorization)
        if token is None:
            return _MISSING
        caller = tokens.verify(token, now)
    except UnknownKeyError as unknown:
        return NeedKey(unknown.kid)
    except (TokenError, CredentialError) as error:
        return Deny(error.reason, str(error), error.metadata)
    if revocations.revoked(caller.session):
        return _REVOKED
    if not revocations.trusted():
        return _UNTRUSTED
    return Allow(caller)

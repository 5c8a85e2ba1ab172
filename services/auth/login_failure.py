"""Why a sign-in failed."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """What the app's login page is told, in its query."""

    ACCESS_DENIED = "access_denied"
    """The user did not consent."""
    INVALID_STATE = "invalid_state"
    """Unknown, used up, expired, of another provider or of another browser."""
    PROVIDER_ERROR = "provider_error"
    """The provider refused, or its answer makes no sense."""
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    """The provider did not answer in time, or answered that it can't."""
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    """The address has used up its allowance of sign-ins."""
    UNAVAILABLE = "unavailable"
    """One of our own parts did not answer."""
    OAUTH_FAILED = "oauth_failed"
    """Anything else."""


class LoginFailedError(Exception):
    """A sign-in that ends without a session. `detail` is for the logs and holds no secret."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail

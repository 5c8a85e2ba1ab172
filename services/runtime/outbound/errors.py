"""What can go wrong with a call to somebody else's service.

Messages name the service, the host and what happened, never a query, a header or a body: keys
travel in them.
"""

from __future__ import annotations


class OutboundError(Exception):
    """Base of every failure."""


class OutboundUnavailable(OutboundError):  # noqa: N818 - says what happened to the service
    """It did not answer in time or said that it can't now; the same call may succeed later."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """Earliest sensible moment for the next try, when one is known."""


class OutboundRefused(OutboundError):  # noqa: N818 - says what happened to the call
    """It answered that this call will not be served (4xx, or a redirect that is not followed)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the answer."""


class OutboundInvalid(OutboundError):  # noqa: N818 - says what happened to the answer
    """It answered with something that can't be used: too large, packed, not JSON."""


class AddressForbiddenError(OutboundError):
    """The URL leads to an address that strangers' URLs must not lead to."""

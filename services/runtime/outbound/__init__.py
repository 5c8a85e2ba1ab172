"""Calls to services of others over HTTP: one place for time-outs, retries, breakers and limits."""

from services.runtime.outbound.client import Answer, Outbound, client
from services.runtime.outbound.errors import (
    AddressForbiddenError,
    OutboundError,
    OutboundInvalid,
    OutboundRefused,
    OutboundUnavailable,
)
from services.runtime.outbound.policy import Policy

__all__ = [
    "AddressForbiddenError",
    "Answer",
    "Outbound",
    "OutboundError",
    "OutboundInvalid",
    "OutboundRefused",
    "OutboundUnavailable",
    "Policy",
    "client",
]

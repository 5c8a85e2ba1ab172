"""Models a user may ask for by name, in a scan and in a chat (docs/app.md, "Scans")."""

from __future__ import annotations

from typing import Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason

from services.runtime.errors import DomainError

SUPPORTED: Final = (
    "gpt-5.2",
    "gpt-5.2-pro",
    "gpt-5.1",
    "gpt-5",
    "gpt-5-pro",
    "gpt-5-mini",
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.0-flash",
    "gemini-2.0-flash-lite",
)


def check(model: str) -> None:
    """DomainError UNSUPPORTED_MODEL for a name that is not offered; empty asks for the default."""
    if model and model not in SUPPORTED:
        raise DomainError(
            ErrorReason.ERROR_REASON_UNSUPPORTED_MODEL,
            f"model {model!r} is not supported",
            metadata={"supported_models": ",".join(SUPPORTED)},
        )

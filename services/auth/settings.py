"""Settings of the auth domain."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class AuthSettings(RuntimeSettings):
    """What issuing tokens needs."""

    access_token_minutes: int = Field(default=180, ge=1)
    """Life of an access token."""

    refresh_token_minutes: int = Field(default=43_200, ge=1)
    """Life of a refresh token: 30 days."""

    signing_key_file: Path | None = None
    """PEM file of the RSA key that signs. Without one the key is generated and kept in the
    database, which the production profile refuses."""

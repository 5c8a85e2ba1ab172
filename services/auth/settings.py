"""Settings of the auth domain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from services.auth.sessions import Lifetimes
from services.auth.tokens import CLOCK_SKEW_SECONDS
from services.runtime.settings import RuntimeSettings


class AuthSettings(RuntimeSettings):
    """What issuing tokens needs."""

    access_token_minutes: int = Field(default=180, ge=1)
    """Life of an access token."""

    refresh_token_minutes: int = Field(default=43_200, ge=1)
    """Life of a refresh token: 30 days."""

    refresh_grace_seconds: float = Field(default=30.0, ge=0, le=300)
    """How long a rotated refresh token is answered with the latest pair; later it ends the
    session."""

    signing_key_file: Path | None = None
    """PEM file of the RSA key that signs, with further keys after it that are published only.
    Without one, keys are generated, rotated and kept in the database, which the production profile
    refuses."""

    key_publish_seconds: int = Field(default=600, ge=0)
    """How long a new key is published before it signs: above what verifiers may cache the key set
    (300 s) and how often ext-authz fetches it (60 s)."""

    key_poll_seconds: float = Field(default=2.0, gt=0)
    """How often a replica looks for keys that another one has published or promoted."""

    ended_session_days: int = Field(default=7, ge=0)
    """How long a session is kept after its last token has ended."""

    login_audit_days: int = Field(default=180, ge=1)
    """How long it is kept who signed in when and where, and how sessions ended."""

    cookie_domain: str = ""
    """``Domain`` of the session cookies, for example ``.dev.growbin.app``; left out when empty."""

    @property
    def lifetimes(self) -> Lifetimes:
        """How long tokens live."""
        return Lifetimes(
            access=timedelta(minutes=self.access_token_minutes),
            refresh=timedelta(minutes=self.refresh_token_minutes),
        )

    @property
    def longest_token_life(self) -> timedelta:
        """The longest a token can be accepted after it was signed."""
        lives = self.lifetimes
        return max(lives.access, lives.refresh) + timedelta(seconds=CLOCK_SKEW_SECONDS)

    @property
    def refresh_grace(self) -> timedelta:
        """Length of the grace window."""
        return timedelta(seconds=self.refresh_grace_seconds)

    @property
    def key_publish(self) -> timedelta:
        """How long a new key waits."""
        return timedelta(seconds=self.key_publish_seconds)

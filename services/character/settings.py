"""Settings of the character service."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class CharacterSettings(RuntimeSettings):
    """How the catalogue is kept."""

    character_wait_seconds: float = Field(default=3.0, ge=0)
    """How long a starting process waits for the topic before it reads the database instead; a
    catalogue is read in well under a second."""

    character_repair_seconds: float = Field(default=10.0, gt=0)
    """Pause between two comparisons of database and topic."""

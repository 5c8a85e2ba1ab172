"""Settings of the location service."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class LocationSettings(RuntimeSettings):
    """The map service beside our own places."""

    kakao_rest_key: SecretStr = SecretStr("")
    """REST API key of Kakao Developers. Without one, searches look through our own places only."""

    kakao_local_url: str = "https://dapi.kakao.com"
    """Base URL of the Kakao Local API."""

    kakao_timeout_seconds: float = Field(default=1.5, gt=0)
    """Longest wait for one answer; a search asks twice within its 5 s, and answers without the map
    service when that takes longer."""

    kakao_cache_seconds: float = Field(default=300.0, ge=0)
    """How long an answer is used again (people retype what they look for)."""

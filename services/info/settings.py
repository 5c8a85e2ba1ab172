"""Settings of the info service."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class InfoSettings(RuntimeSettings):
    """The cached feeds of news."""

    news_cache_seconds: int = Field(default=3600, ge=1)
    """How long a cached feed lives; it is also made anew whenever a collector brought something."""

    news_cache_articles: int = Field(default=200, ge=1, le=2000)
    """Newest articles of a cached feed; older pages come from the database."""

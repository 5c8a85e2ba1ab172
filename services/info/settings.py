"""Settings of the info service."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class InfoSettings(RuntimeSettings):
    """The cached feeds of news, and how long news are kept."""

    news_cache_seconds: int = Field(default=3600, ge=1)
    """How long a cached feed lives; it is also made anew whenever a collector brought something."""

    news_cache_articles: int = Field(default=200, ge=1, le=2000)
    """Newest articles of a cached feed; older pages come from the database."""

    news_keep_days: int = Field(default=365, ge=0)
    """Articles are deleted so many days after they were collected; 0 keeps them for ever."""

    news_sweep_seconds: float = Field(default=3600.0, gt=0)
    """Pause between two looks for articles to delete."""

    news_sweep_batch: int = Field(default=1000, ge=1)
    """Articles deleted in one transaction; a collector that stores waits for one at the most."""

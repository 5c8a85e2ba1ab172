"""Settings of the news worker."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.runtime.settings import Profile, RuntimeSettings


class NewsSettings(RuntimeSettings):
    """Where news come from, how often, and within which limits.

    A collector without its key, and that of feeds without any feed, rests.
    """

    naver_client_id: SecretStr = SecretStr("")
    """Client id of an application at developers.naver.com with the search API."""

    naver_client_secret: SecretStr = SecretStr("")
    """Secret of that application."""

    newsdata_api_key: SecretStr = SecretStr("")
    """Key of newsdata.io."""

    news_feeds: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses of RSS or Atom feeds; a comma list in the environment. None by default: nothing is
    fetched from the internet that nobody asked for."""

    news_naver_seconds: float = Field(default=300.0, gt=0)
    """Between two collections from Naver, all replicas together."""

    news_newsdata_seconds: float = Field(default=1800.0, gt=0)
    """Between two collections from NewsData."""

    news_rss_seconds: float = Field(default=900.0, gt=0)
    """Between two collections from the feeds."""

    news_naver_calls_per_day: int = Field(default=25_000, ge=0)
    """What Naver allows an application in a day, from midnight to midnight in Korea."""

    news_newsdata_calls_per_day: int = Field(default=200, ge=0)
    """What NewsData's free plan allows in a day."""

    news_articles_per_query: int = Field(default=30, ge=1, le=100)
    """Articles taken of one query or feed at the most."""

    news_thumbnails: bool = True
    """Whether to look for a picture on the page of an article that comes without one."""

    news_feed_max_bytes: int = Field(default=2_000_000, ge=1_000)
    """Largest feed that is read."""

    news_feed_timeout_seconds: float = Field(default=10.0, gt=0)
    """Longest a feed may take from connecting to its last byte."""

    news_naver_url: str = "https://openapi.naver.com/v1/search/news.json"
    """The search for news."""

    news_newsdata_url: str = "https://newsdata.io/api/1/latest"
    """The latest news."""

    news_allowed_networks: Annotated[tuple[str, ...], NoDecode] = ()
    """Networks beside the public internet that feeds and pages may lie in, for tests against
    servers on loopback; a comma list. Taken under the profile ``test`` only."""

    @field_validator("news_feeds", "news_allowed_networks", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        """Accept ``a,b`` from the environment as well as a sequence."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _private_networks_in_tests_only(self) -> Self:
        for network in self.news_allowed_networks:
            ipaddress.ip_network(network)
        if self.news_allowed_networks and self.profile is not Profile.TEST:
            raise ValueError(
                "news_allowed_networks is for tests: set ECO2_PROFILE=test or unset it"
            )
        return self

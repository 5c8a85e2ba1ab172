"""Metrics of the news worker."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

RUNS: Final = Counter("news_collections_total", "Collections by outcome.", ["source", "outcome"])
"""`outcome`: ``done``, ``failed``."""

ARTICLES: Final = Counter("news_articles_total", "Articles by what became of them.",
                          ["source", "outcome"])  # fmt: skip
"""`outcome`: ``inserted``, ``updated``."""

REFUSED: Final = Counter("news_refused_total", "Feeds and queries left out, by reason.",
                         ["source", "reason"])  # fmt: skip
"""`reason`: ``forbidden`` (a private address), ``unreadable`` (too large, or packed),
``too_slow``, ``too_much`` (time or memory of its reader), ``entities``, ``malformed``,
``not_a_feed``, ``refused`` (4xx), ``unavailable`` (time-out, connection, 5xx), ``quota``."""

LAST: Final = Gauge("news_last_collection_timestamp_seconds",
                    "When this process last completed a collection.", ["source"])  # fmt: skip

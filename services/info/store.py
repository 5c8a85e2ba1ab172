"""The info schema. Every statement of the domain is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import asyncpg
from eco2.info.v1 import news_pb2 as pb

from services.info.article import Article, message_of
from services.info.feed import ALL, Cursor, Feed
from services.runtime.leadership import lock_key
from services.runtime.pool import Pool

_COLUMNS: Final = tuple(field.name for field in fields(Article) if field.name != "url_key")

_WRITERS: Final = lock_key("info.news")
"""Collectors write one after another: two that bring the same articles in another order would end
in a deadlock."""

# An article belongs to the collector that brought it first: what that one says later replaces what
# it said before. Others fill in what is missing. Its time never changes, or it would move in lists
# that somebody pages through.
_UPSERT: Final = """
WITH given AS (
    SELECT * FROM unnest(
        $1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::text[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[],
        $14::text[])
        AS t (id, url_key, url, title, snippet, source, source_name, category, published_at,
              thumbnail_url, source_icon_url, video_url, keywords, ai_tag)
), known AS (
    SELECT a.id, a.url_key,
           CASE WHEN own THEN g.title ELSE a.title END AS title,
           CASE WHEN own OR a.snippet = '' THEN g.snippet ELSE a.snippet END AS snippet,
           CASE WHEN own OR a.source_name = '' THEN g.source_name ELSE a.source_name END
               AS source_name,
           CASE WHEN own THEN g.category ELSE a.category END AS category,
           CASE WHEN own THEN coalesce(g.thumbnail_url, a.thumbnail_url)
                ELSE coalesce(a.thumbnail_url, g.thumbnail_url) END AS thumbnail_url,
           coalesce(a.source_icon_url, g.source_icon_url) AS source_icon_url,
           coalesce(a.video_url, g.video_url) AS video_url,
           CASE WHEN g.keywords <> '' AND (own OR a.keywords = '{}')
                THEN string_to_array(g.keywords, E'\\n') ELSE a.keywords END AS keywords,
           coalesce(a.ai_tag, g.ai_tag) AS ai_tag
      FROM given g JOIN news_articles a USING (url_key),
           LATERAL (SELECT g.source = a.source AS own) AS belongs
), updated AS (
    UPDATE news_articles a
       SET title = k.title, snippet = k.snippet, source_name = k.source_name,
           category = k.category, thumbnail_url = k.thumbnail_url,
           source_icon_url = k.source_icon_url, video_url = k.video_url, keywords = k.keywords,
           ai_tag = k.ai_tag, updated_at = now()
      FROM known k
     WHERE a.id = k.id
       AND (a.title, a.snippet, a.source_name, a.category, a.thumbnail_url, a.source_icon_url,
            a.video_url, a.keywords, a.ai_tag)
           IS DISTINCT FROM
           (k.title, k.snippet, k.source_name, k.category, k.thumbnail_url, k.source_icon_url,
            k.video_url, k.keywords, k.ai_tag)
    RETURNING 1
), inserted AS (
    INSERT INTO news_articles
        (id, url_key, url, title, snippet, source, source_name, category, published_at,
         thumbnail_url, source_icon_url, video_url, keywords, ai_tag)
    SELECT id, url_key, url, title, snippet, source, source_name, category, published_at,
           thumbnail_url, source_icon_url, video_url, string_to_array(keywords, E'\\n'), ai_tag
      FROM given WHERE url_key NOT IN (SELECT url_key FROM known)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted) AS inserted, (SELECT count(*) FROM updated) AS updated,
       (SELECT count(*) FROM known) AS known
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch."""

    inserted: int
    updated: int
    """Known before, and different now."""
    refused: int
    """New, but under an id that another article has (48 bits of a digest may meet)."""


class NewsStore:
    """News through the domain's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, feed: Feed, after: Cursor, limit: int) -> list[pb.Article]:
        """Up to `limit` articles older than a cursor, newest first."""
        filters = [value for value in (feed.category, feed.source) if value != ALL]
        rows = await self._pool.fetch(
            _page_of(feed), after.published_at, after.article_id, limit, *filters
        )
        return [message_of(row) for row in rows]

    async def upsert(self, articles: Sequence[Article]) -> Stored:
        """Store a batch in which no page stands twice, in one transaction."""
        columns = (
            [article.id for article in articles],
            [article.url_key for article in articles],
            *(
                [getattr(article, name) for article in articles]
                for name in ("url", "title", "snippet", "source", "source_name", "category",
                             "published_at", "thumbnail_url", "source_icon_url", "video_url")
            ),
            # An array of arrays has to be rectangular in SQL; a keyword is one line.
            ["\n".join(article.keywords) for article in articles],
            [article.ai_tag for article in articles],
        )  # fmt: skip
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _WRITERS)
            row = await connection.fetchrow(_UPSERT, *columns)
        fresh = len(articles) - row["known"]
        return Stored(row["inserted"], row["updated"], fresh - row["inserted"])


async def delete_collected_before(
    connection: asyncpg.Connection, before: datetime, limit: int
) -> int:
    """Delete up to `limit` articles that were collected before a time; how many they were.

    No article is collected before it is published, so the index of the plain list finds them.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _WRITERS)
        return len(
            await connection.fetch(
                """
                DELETE FROM news_articles WHERE id IN (
                    SELECT id FROM news_articles
                     WHERE published_at < $1 AND created_at < $1
                     ORDER BY published_at, id LIMIT $2)
                RETURNING 1
                """,
                before,
                limit,
            )
        )


def _page_of(feed: Feed) -> str:
    """The statement of a feed's pages; there are eight, each with an index of its own."""
    conditions = ["(published_at, id) < ($1, $2)"]
    number = 4
    for column, value in (("category", feed.category), ("source", feed.source)):
        if value != ALL:
            conditions.append(f"{column} = ${number}")
            number += 1
    if feed.has_image:
        conditions.append("thumbnail_url IS NOT NULL")
    return (
        f"SELECT {', '.join(_COLUMNS)} FROM news_articles "  # noqa: S608 - constants
        f"WHERE {' AND '.join(conditions)} ORDER BY published_at DESC, id DESC LIMIT $3"
    )

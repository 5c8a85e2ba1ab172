"""Collectors for the news searches of Naver and NewsData."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from services.runtime import logs
from services.runtime.outbound import Outbound, OutboundError, OutboundRefused, Policy
from streaming.workers.news.article import Found, UnusableError, found
from streaming.workers.news.categories import ENGLISH_QUERIES, KOREAN_QUERIES, queries_of_run
from streaming.workers.news.ledger import Ledger
from streaming.workers.news.settings import NewsSettings
from streaming.workers.news.source import CollectingError, Haul, Refusal

log = logs.get(__name__)

NAVER_POLICY: Final = Policy(name="naver-news", timeout_seconds=5.0, attempts=1)
NEWSDATA_POLICY: Final = Policy(name="newsdata", timeout_seconds=10.0, attempts=1)
"""One attempt each: every one counts against the day's calls, and the next collection is soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """How one search is asked and understood."""

    name: str
    url: str
    queries: Sequence[str]
    ask: Callable[[str], Mapping[str, str]]
    """Parameters of a query."""
    headers: Mapping[str, str]
    """Keys travel here, where no log or error shows them."""
    read: Callable[[Any, datetime], Iterator[Found]]
    """Articles of an answer; skips what is none, ValueError when the answer has another shape."""
    calls_per_day: int
    configured: bool


class SearchApi:
    """Collects from one search, within the day's calls."""

    def __init__(
        self, api: Api, http: Outbound, ledger: Ledger, *, every_seconds: float, run_seconds: float
    ) -> None:
        self._api = api
        self._http = http
        self._ledger = ledger
        self.name = api.name
        self.every_seconds = every_seconds
        self.run_seconds = run_seconds

    @property
    def configured(self) -> bool:
        """Whether the keys are there."""
        return self._api.configured

    async def collect(self, now: datetime) -> Haul:
        """Ask the queries of this run. Raises CollectingError when none was answered."""
        articles: list[Found] = []
        refusals: list[Refusal] = []
        queries = queries_of_run(
            self._api.queries,
            run=int(now.timestamp() // self.every_seconds),
            every_seconds=self.every_seconds,
            calls_per_day=self._api.calls_per_day,
        )
        for query in queries:
            if not await self._ledger.take_calls(self.name, 1, self._api.calls_per_day, now):
                refusals.append(Refusal(query, "quota", "the day's calls are used up"))
                break
            try:
                answer = await self._http.get_json(
                    self._api.url, params=self._api.ask(query), headers=self._api.headers
                )
                articles.extend(self._api.read(answer, now))
            except OutboundRefused as error:
                refusals.append(Refusal(query, "refused", str(error)))
                if error.status in (401, 403):
                    break  # the key is wrong; asking on would only use it up
            except OutboundError as error:
                refusals.append(Refusal(query, "unavailable", str(error)))
            except ValueError as error:
                refusals.append(Refusal(query, "malformed", str(error)))
        if refusals and not articles:
            raise CollectingError(f"{refusals[-1].reason}: {refusals[-1].detail}")
        return Haul(articles, refusals)


def naver(settings: NewsSettings) -> Api:
    """The news search of Naver (https://developers.naver.com/docs/serviceapi/search/news/news.md)."""
    client_id = settings.naver_client_id.get_secret_value()
    secret = settings.naver_client_secret.get_secret_value()
    return Api(
        name="naver",
        url=settings.news_naver_url,
        queries=KOREAN_QUERIES,
        ask=lambda query: {
            "query": query,
            "display": str(settings.news_articles_per_query),
            "sort": "date",
        },
        headers={"X-Naver-Client-Id": client_id, "X-Naver-Client-Secret": secret},
        read=lambda answer, now: read_naver(answer, now, settings.news_articles_per_query),
        calls_per_day=settings.news_naver_calls_per_day,
        configured=bool(client_id and secret),
    )


def newsdata(settings: NewsSettings) -> Api:
    """The latest news of NewsData (https://newsdata.io/documentation)."""
    key = settings.newsdata_api_key.get_secret_value()
    return Api(
        name="newsdata",
        url=settings.news_newsdata_url,
        queries=ENGLISH_QUERIES,
        ask=lambda query: {"q": query, "language": "en,ko"},
        headers={"X-ACCESS-KEY": key},
        read=lambda answer, now: read_newsdata(answer, now, settings.news_articles_per_query),
        calls_per_day=settings.news_newsdata_calls_per_day,
        configured=bool(key),
    )


def read_naver(answer: Any, now: datetime, limit: int) -> Iterator[Found]:
    """Articles of Naver's answer; ValueError when it has another shape."""
    for item in _items(answer, "items", limit):
        url = _text(item, "originallink") or _text(item, "link")
        try:
            yield found(
                source="naver",
                url=url,
                title=_text(item, "title"),
                text=_text(item, "description"),
                source_name=_site(url),
                published_at=_mail_date(_text(item, "pubDate")),
                now=now,
            )
        except UnusableError as error:
            log.debug("no article", source="naver", why=str(error))


def read_newsdata(answer: Any, now: datetime, limit: int) -> Iterator[Found]:
    """Articles of NewsData's answer; ValueError when it has another shape.

    What a plan does not include comes as a sentence in capitals, which is no tag.
    """
    for item in _items(answer, "results", limit):
        url = _text(item, "link")
        tags = [tag for tag in _texts(item, "ai_tag") if not tag.isupper() or len(tag) < 12]
        try:
            yield found(
                source="newsdata",
                url=url,
                title=_text(item, "title"),
                text=_text(item, "description"),
                source_name=_text(item, "source_name") or _text(item, "source_id") or _site(url),
                published_at=_plain_date(_text(item, "pubDate")),
                now=now,
                provider_id=_text(item, "article_id"),
                provided_categories=_texts(item, "category"),
                ai_tag=tags[0] if tags else "",
                keywords=_texts(item, "keywords"),
                thumbnail_url=_text(item, "image_url"),
                source_icon_url=_text(item, "source_icon"),
                video_url=_text(item, "video_url"),
            )
        except UnusableError as error:
            log.debug("no article", source="newsdata", why=str(error))


def _items(answer: Any, name: str, limit: int) -> list[dict[str, Any]]:
    items = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise ValueError(f"the answer has no list of {name}")
    return [item for item in items if isinstance(item, dict)][:limit]


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value.strip() if isinstance(value, str) else ""


def _texts(item: Mapping[str, Any], name: str) -> list[str]:
    value = item.get(name)
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _site(url: str) -> str:
    """Name of a publisher whose name is not told: its host."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")


def _mail_date(text: str) -> datetime | None:
    """``Mon, 26 Sep 2016 07:50:00 +0900``; None when it is no date."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _plain_date(text: str) -> datetime | None:
    """``2026-02-01 07:50:00`` in UTC, as NewsData writes it; None when it is no date."""
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

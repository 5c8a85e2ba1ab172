"""InfoService: news from the cache or the store, and the guide from memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.info.v1 import info_service_pb2 as pb
from eco2.info.v1 import recycling_pb2
from eco2.info.v1.info_service_pb2_grpc import InfoServiceServicer

from services.info import feed
from services.info.article import Article, UnusableArticleError, collected, cursor_of
from services.info.cache import FeedCache, Miss
from services.info.faq import Faq
from services.info.feed import Cursor, Feed
from services.info.recycling import ICONS, Entry, Guide
from services.info.regions import Regions
from services.info.search import ItemSearch
from services.info.store import NewsStore
from services.info.warmer import Warmer
from services.runtime import logs, refusals
from services.runtime.errors import DomainError

log = logs.get(__name__)

DEFAULT_PAGE: Final = 10
DEFAULT_ITEMS: Final = 20

_NAMES: Final = {feed.ALL: "전체", "environment": "환경", "energy": "에너지", "ai": "AI"}


class News:
    """What the news RPCs work with."""

    def __init__(self, store: NewsStore, cache: FeedCache, warmer: Warmer) -> None:
        self.store = store
        self.cache = cache
        self.warmer = warmer


class Recycling:
    """What the guide's RPCs work with."""

    def __init__(self, guide: Guide, search: ItemSearch, regions: Regions, faq: Faq) -> None:
        self.guide = guide
        self.search = search
        self.regions = regions
        self.faq = faq


class InfoService(InfoServiceServicer):
    """The public and internal RPCs of the info domain."""

    def __init__(self, news: News, recycling: Recycling) -> None:
        self._news = news
        self._recycling = recycling

    async def ListNews(self, request: pb.ListNewsRequest, context: Any) -> pb.ListNewsResponse:
        """A page of news, newest first."""
        wanted, after = _feed(request), _cursor(request)
        limit = request.limit or DEFAULT_PAGE
        page = await self._news.cache.page(wanted, after, limit)
        if not isinstance(page, Miss):
            return page
        if page.refill:
            self._news.warmer.missed(wanted)
        articles = await self._news.store.page(wanted, after, limit + 1)
        response = pb.ListNewsResponse(articles=articles[:limit], meta=pb.NewsMeta())
        if len(articles) > limit:
            response.has_more = True
            response.next_cursor = str(cursor_of(articles[limit - 1]))
        return response

    async def ListNewsCategories(
        self, request: pb.ListNewsCategoriesRequest, context: Any
    ) -> pb.ListNewsCategoriesResponse:
        """The categories of news."""
        return pb.ListNewsCategoriesResponse(
            categories=[pb.NewsCategory(id=name, name=text) for name, text in _NAMES.items()]
        )

    async def UpsertNews(
        self, request: pb.UpsertNewsRequest, context: Any
    ) -> pb.UpsertNewsResponse:
        """Store what a collector found. Of two addresses of one page the first counts."""
        now = datetime.now(UTC)
        pages: dict[bytes, Article] = {}
        for number, message in enumerate(request.articles):
            try:
                article = collected(message, now)
            except UnusableArticleError as error:
                raise refusals.invalid(f"articles[{number}].{error.field}", error.problem) from None
            pages.setdefault(article.url_key, article)
        stored = await self._news.store.upsert(list(pages.values()))
        if stored.refused:
            log.warning("articles under ids of others were left out", count=stored.refused)
        if stored.inserted or stored.updated:
            await self._news.warmer.changed()
        return pb.UpsertNewsResponse(inserted=stored.inserted, updated=stored.updated)

    async def ListCategories(
        self, request: pb.ListCategoriesRequest, context: Any
    ) -> pb.ListCategoriesResponse:
        """The categories of the guide."""
        return pb.ListCategoriesResponse(
            categories=[
                recycling_pb2.WasteCategory(
                    id=category.id,
                    name=category.id,
                    icon=category.icon,
                    item_count=category.item_count,
                    parent=category.parent,
                )
                for category in self._recycling.guide.categories
            ]
        )

    async def SearchItems(
        self, request: pb.SearchItemsRequest, context: Any
    ) -> pb.SearchItemsResponse:
        """Items by words, or all of a category."""
        category = _category(request)
        limit = request.limit or DEFAULT_ITEMS
        found = self._recycling.search.find(request.q, category, limit)
        return pb.SearchItemsResponse(items=map(_item, found))

    async def GetItem(self, request: pb.GetItemRequest, context: Any) -> pb.GetItemResponse:
        """One item."""
        entry = self._recycling.guide.by_id.get(request.item_id)
        if entry is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_ITEM_NOT_FOUND,
                "the guide has no such item",
                metadata={"item_id": request.item_id},
            )
        return pb.GetItemResponse(item=_item(entry))

    async def GetRegionalRules(
        self, request: pb.GetRegionalRulesRequest, context: Any
    ) -> pb.GetRegionalRulesResponse:
        """What a municipality does otherwise."""
        regions = self._recycling.regions
        local = regions.find(request.region)
        if local is None:
            raise DomainError(
                ErrorReason.ERROR_REASON_REGION_NOT_FOUND,
                "no rules of such a municipality are known",
                metadata={"region": request.region},
            )
        return pb.GetRegionalRulesResponse(
            region=local.name,
            rules=[
                recycling_pb2.RegionalRule(
                    rule_document_id=difference.document_id,
                    title=difference.title,
                    differences=difference.sentences,
                )
                for difference in regions.differences(local)
            ],
        )

    async def ListFaq(self, request: pb.ListFaqRequest, context: Any) -> pb.ListFaqResponse:
        """Frequent questions."""
        return pb.ListFaqResponse(
            entries=[
                recycling_pb2.FaqEntry(
                    id=question.id,
                    question=question.question,
                    answer=question.answer,
                    category=question.category,
                    rule_document_id=question.document,
                )
                for question in self._recycling.faq.about(_category(request))
            ]
        )


def _feed(request: pb.ListNewsRequest) -> Feed:
    category = request.category if request.HasField("category") else feed.ALL
    source = request.source if request.HasField("source") else feed.ALL
    if category not in (feed.ALL, *feed.CATEGORIES):
        raise _unknown(ErrorReason.ERROR_REASON_INVALID_CATEGORY, "category", feed.CATEGORIES)
    if source not in (feed.ALL, *feed.SOURCES):
        raise _unknown(ErrorReason.ERROR_REASON_INVALID_SOURCE, "source", feed.SOURCES)
    return Feed(category, source, request.has_image)


def _cursor(request: pb.ListNewsRequest) -> Cursor:
    if not request.HasField("cursor"):
        return feed.START
    try:
        return Cursor.parse(request.cursor)
    except ValueError as error:
        raise DomainError(
            ErrorReason.ERROR_REASON_INVALID_CURSOR_FORMAT, f"cursor: {error}"
        ) from None


def _category(request: pb.SearchItemsRequest | pb.ListFaqRequest) -> str | None:
    """The category of the guide that is asked for; None for any."""
    if not request.HasField("category"):
        return None
    if request.category not in ICONS:
        raise DomainError(
            ErrorReason.ERROR_REASON_INVALID_CATEGORY,
            "category is none of the guide's",
            metadata={"allowed": ",".join(ICONS)},
        )
    return request.category


def _unknown(reason: ErrorReason.ValueType, field: str, allowed: tuple[str, ...]) -> DomainError:
    names = ",".join((feed.ALL, *allowed))
    return DomainError(reason, f"{field} must be one of {names}", metadata={"allowed": names})


def _item(entry: Entry) -> recycling_pb2.RecycleItem:
    return recycling_pb2.RecycleItem(
        id=entry.id,
        name=entry.name,
        category=entry.category,
        subcategory=entry.group,
        disposal_steps=entry.steps,
        notes=entry.notes,
        recyclable=entry.recyclable,
        rule_document_id=entry.document_id,
    )
